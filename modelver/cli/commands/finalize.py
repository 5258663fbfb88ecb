"""``modelver finalize``."""

from modelver.cli.options import Call, commit_id_option, ref_argument, verb


@verb("finalize")
@ref_argument
@commit_id_option
def command(call: Call, *, ref: str, commit_id: str | None) -> None:
    """Make a release of a pre-release.

    1.4.0-exp.7 becomes 1.4.0, from the same stored files. The release's reference is printed.
    """
    release = call.registry.finalize(ref, commit_id=commit_id)
    call.done(release, f"Finalized {ref} as {release.ref}", created=release.created)
