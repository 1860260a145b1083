"""``s1 env``: what is installed and what this machine is.

Knows which facts help with a bug report. Refuses to print host names, user names, paths and keys.
"""

from __future__ import annotations

from s1kit.cli import options as o


def env(as_json: o.Json = False) -> None:
    """Versions, Python, processor, memory, accelerators, engines and formats: paste it into a bug report."""
    import platform

    from rich.table import Table

    import s1kit
    from s1kit.cli.console import data_console, print_json
    from s1kit.engines.open import KINDS
    from s1kit.formats import BUILT_IN
    from s1kit.store.manifest import hardware, package_versions

    facts = {
        "s1kit": s1kit.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        **{f"hardware.{k}": v for k, v in hardware().items()},
        **{f"package.{k}": v for k, v in package_versions().items()},
        "engines": ", ".join(KINDS),
        "formats": ", ".join(BUILT_IN),
    }
    if as_json:
        print_json(facts)
        return
    table = Table(box=None, show_header=False, padding=(0, 2))
    for key, value in facts.items():
        table.add_row(key, str(value))
    data_console().print(table)
