"""`outrange explore`: serves the explorer page."""

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
    safe_mode: bool,
) -> int:
    """Serve the explorer page of a model until the user presses Ctrl-C.

    Args:
        model: File of the model.
        box: Options of the initial input set; may be empty.
        port: Port of the page; 0 for any free port.
        token: Secret that a request must contain; a random one if None.
        host: Address to listen on.
        allow_remote: Whether `host` may be an address that other machines can reach.
        open_: Whether to open the page in the browser.
        seconds: Time limit for one search for ranges.
        safe_mode: Whether to refuse code stored in the model file.

    Raises:
        InputError: An option is invalid, or the server's packages are not installed.
    """
    from ...api.arguments import load_network
    from ...explorer.exhibit import Exhibit
    from ...explorer.guard import check_host, check_token

    # Check the options before loading a model.
    check_host(host, allow_remote)
    secret = check_token(token)
    try:
        from ...explorer.serve import serve
    except ModuleNotFoundError as error:
        raise InputError(
            "`outrange explore` needs Starlette, uvicorn and websockets: "
            f"{pip_install('starlette', 'uvicorn', 'websockets')}. Received: {error}."
        ) from None
    network = load_model(model, safe_mode, box.feature_names)
    input_set = None if box.is_empty else box_of(box, network.graph.inputs)
    network = load_network(network, input_set)  # with the column names of the data

    def ready(address: str) -> None:
        echo(f"Open {address} in a browser to explore {network.name}.\nPress Ctrl-C to stop.")
        if open_:
            import webbrowser

            webbrowser.open(address)

    exhibit = Exhibit.of(network, input_set, seconds)
    serve(exhibit, ready, host=host, port=port, token=secret, allow_remote=allow_remote)
    return EXACT
