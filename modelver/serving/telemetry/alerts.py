"""Rules for Prometheus that tell of what `FollowerCollector` shows."""

from modelver.serving.telemetry.queries import quoted


def alerts(*, model: str = "", alias: str = "production") -> str:
    """Return rules for Prometheus, to begin with: YAML.

    Args:
        model: The model that they watch; empty: all.
        alias: The alias that they watch.
    """
    which = f"alias={quoted(alias)}" + (f", model={quoted(model)}" if model else "")
    return _ALERTS.replace("{WHICH}", "{" + which + "}")


_ALERTS = """\
# Made by `modelver dashboard --alerts`. Thresholds are suggestions: an alias is looked at every 30 seconds by default.
groups:
  - name: modelver
    rules:
      - alert: ModelVersionNotServed
        expr: max by (model, alias, job, instance) (modelver_failing{WHICH}) > 0
        for: 5m
        labels: {severity: warning}
        annotations:
          summary: '{{ $labels.instance }} can not serve what {{ $labels.model }}@{{ $labels.alias }} names; the old version serves on'
      - alert: ModelRegistryUnreachable
        expr: min by (model, alias, job, instance) (modelver_age_seconds{WHICH}) > 600
        for: 5m
        labels: {severity: warning}
        annotations:
          summary: '{{ $labels.instance }} has not heard from the registry for {{ $value | humanizeDuration }}'
      - alert: ModelVersionsDiffer
        expr: count by (model, alias) (count by (model, alias, version) (modelver_model_info{WHICH})) > 1
        for: 15m
        labels: {severity: warning}
        annotations:
          summary: 'servers of {{ $labels.model }}@{{ $labels.alias }} answer with {{ $value }} versions'
      - alert: ModelSwapsOften
        expr: max by (model, alias, job) (increase(modelver_swaps_total{WHICH}[1h])) > 6
        labels: {severity: info}
        annotations:
          summary: '{{ $labels.model }}@{{ $labels.alias }} moves back and forth'
"""
