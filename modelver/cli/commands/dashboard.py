"""``modelver dashboard``."""

import click

from modelver.cli.documents import deliver, json_text, output_option
from modelver.cli.options import Call, verb


@verb("dashboard")
@click.option("--model", metavar="MODEL", help="The model that is shown first, or watched; else any.")
@click.option(
    "--alias",
    metavar="ALIAS",
    default="production",
    help="The alias that is shown first, or watched; production unless you say otherwise.",
)
@click.option(
    "--alerts", "as_alerts", is_flag=True, help="Alerting rules for Prometheus instead, to begin with: YAML."
)
@output_option
def command(call: Call, *, model: str | None, alias: str, as_alerts: bool, output: str | None) -> None:
    """Write a Grafana dashboard of the versions that servers answer with.

    It shows what `modelver.FollowerCollector` gives to Prometheus. No registry is opened.
    """
    from modelver.serving.telemetry.alerts import alerts
    from modelver.serving.telemetry.dashboard import dashboard
    from modelver.values.name import Alias, ModelName

    name, alias = str(ModelName(model)) if model else "", str(Alias(alias))
    if as_alerts:
        text = alerts(model=name, alias=alias)
        deliver(call, text, {"alerts": text}, output)
    else:
        data = dashboard(model=name, alias=alias)
        deliver(call, json_text(data), data, output)
