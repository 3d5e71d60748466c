"""`python -m imgfn` is the command imgfn."""

from imgfn.cli.main import main

main(prog_name="imgfn")
