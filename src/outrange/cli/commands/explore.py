"""`outrange explore`: a page on the loopback."""

from __future__ import annotations

from collections.abc import Callable

from ...core import InputError, pip_install
from ..exit_codes import EXACT
from ..options.boxes import BoxOptions, box_of
from ..options.models import load_model


def ask_explore(
    model: str,
    box: BoxOptions,
    echo: Callable[[str], None],
    *,
    port: int,
    token: str | None,
    host: str,
    allow_remote: bool,
    open_: bool,
    seconds: float,
    unsafe: bool,
) -> int:
    """Serve the page until Ctrl-C.

    Args:
        model: The model's file.
        box: The input set to begin with; may be empty.
        echo: Prints on stdout.
        port: Of the page; 0 for one that is free.
        token: What the page must know; a random one if None.
        host: Address to listen on.
        allow_remote: Whether that may be one that other machines reach.
        open_: Open the page in the browser.
        seconds: Of the search for one set of ranges.
        unsafe: Run code stored in the model file.

    Raises:
        InputError: An option breaks a rule, or the server's packages are not installed.
    """
    from ...api.arguments import loaded
    from ...explorer.exhibit import Exhibit
    from ...explorer.guard import checked_host, checked_token

    # Mistakes show before a model is loaded.
    checked_host(host, allow_remote)
    secret = checked_token(token)
    try:
        from ...explorer.serve import serve
    except ModuleNotFoundError as error:
        raise InputError(
            "`outrange explore` needs Starlette, uvicorn and websockets: "
            f"{pip_install('starlette', 'uvicorn', 'websockets')}. Received: {error}."
        ) from None
    network = load_model(model, unsafe, box.feature_names)
    given = None if box.is_empty else box_of(box, network.graph.inputs)
    network = loaded(network, given)  # named by the columns of the data

    def ready(address: str) -> None:
        echo(f"{network.name} is at {address}\nCtrl-C ends it.")
        if open_:
            import webbrowser

            webbrowser.open(address)

    exhibit = Exhibit.of(network, given, seconds)
    serve(exhibit, ready, host=host, port=port, token=secret, allow_remote=allow_remote)
    return EXACT
