"""How commands read the settings."""

import sys

import click

from imgfn import wiring
from imgfn.config.settings import BadSettings, Settings


def read_settings() -> Settings:
    """The Settings of this process; says what is wrong with them and exits with 2 where they cannot be used."""
    try:
        return wiring.settings()
    except BadSettings as error:
        click.echo(f"These settings cannot be used:\n{error}", err=True)
        sys.exit(2)
