"""`recipe completion SHELL`: code that makes the shell complete verbs, options and recipe names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from orchestrator.base.errors import UsageError
from orchestrator.base.language import say

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print completion code for SHELL.

    \b
    bash:  recipe completion bash > ~/.recipe-complete.bash
           echo 'source ~/.recipe-complete.bash' >> ~/.bashrc
    zsh:   recipe completion zsh > ~/.recipe-complete.zsh
           echo 'source ~/.recipe-complete.zsh' >> ~/.zshrc
    fish:  recipe completion fish > ~/.config/fish/completions/recipe.fish
    """
    made = get_completion_class(shell)
    if made is None:
        raise UsageError(say(f"There is no completion for {shell}.", f"没有 {shell} 的补全代码。"))
    click.echo(made(ctx.find_root().command, {}, "recipe", "_RECIPE_COMPLETE").source())
