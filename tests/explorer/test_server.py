"""Tests of the page over the loopback interface: access, refusals, robustness."""

import json

import pytest

from explorer.pages import ends, exhibit
from explorer.test_session import hostile_messages
from outrange.core import InputError


pytest.importorskip("starlette")
pytest.importorskip("httpx")
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from outrange.explorer.app import MOST_PAGES, STATIC, application
from outrange.explorer.guard import Guard, check_host, check_token


pytestmark = pytest.mark.wallclock


HOST, TOKEN = "127.0.0.1:8421", "a-token-of-this-test"
HOME = {"host": HOST, "origin": f"http://{HOST}"}
SOCKET = f"/socket?token={TOKEN}"


@pytest.fixture
def client():
    app, pages = application(exhibit(), Guard("127.0.0.1", 8421, TOKEN))
    with TestClient(app, base_url=f"http://{HOST}") as made:
        yield made
    pages.close()


def check_refusal(client, path, headers):
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(path, headers=headers):
        pass


def answer(socket, id):
    while (message := socket.receive_json()).get("stage") != "done" or message["id"] != id:
        pass
    return message


def test_a_page_that_knows_the_token_is_answered(client):
    page = client.get("/", params={"token": TOKEN})
    assert page.status_code == 200
    assert "outrange explorer" in page.text
    with client.websocket_connect(SOCKET, headers=HOME) as socket:
        assert socket.receive_json()["say"] == "hello"
        socket.send_json({"ask": "range", "id": 1, **ends(-1, 1)})
        assert answer(socket, 1)["exact"]


def test_without_the_token_there_is_nothing(client):
    for token in (None, "", TOKEN[:-1], TOKEN + "x", "é"):
        params = {} if token is None else {"token": token}
        assert client.get("/", params=params).status_code == 403
        check_refusal(client, "/socket" if token is None else f"/socket?token={token}", HOME)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", f"https://{HOST}", "http://127.0.0.1:9", "null", "", None]
)
def test_another_origin_gets_nothing(client, origin):
    check_refusal(client, SOCKET, {"host": HOST} | ({} if origin is None else {"origin": origin}))


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8421", "127.0.0.1", "127.0.0.1:9", "10.0.0.1:8421", "",
     "a@" + HOST, "localhost.evil.example:8421", "127.0.0.1:8421:1", "[::1", "127.0.0.1:x",
     "[::1%lo]:8421", "[::1%25;script-src *]:8421", "[::1%x y]:8421"],
)  # fmt: skip
def test_another_host_gets_nothing(client, host):
    reply = client.get("/", params={"token": TOKEN}, headers={"host": host})
    assert reply.status_code == 421
    assert "explorer" not in reply.text
    check_refusal(client, SOCKET, {"host": host, "origin": f"http://{host}"})


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_every_name_of_this_machine_will_do(client, name):
    host = f"{name}:8421"
    assert client.get("/", params={"token": TOKEN}, headers={"host": host}).status_code == 200


def test_a_page_keeps_to_itself(client):
    for path in (f"/?token={TOKEN}", "/", "/static/page.js", "/nowhere"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


def test_nothing_beside_the_page_is_served(client):
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/"):
        assert client.get(path).status_code in (404, 405)


def test_the_page_holds_nothing_inline_and_nothing_from_elsewhere():
    for file in STATIC.iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text
        assert "https://" not in text
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "document.write"):
            assert word not in text, (file.name, word)
    page = (STATIC / "index.html").read_text()
    assert "style=" not in page
    assert "<style" not in page


def test_the_blues_are_those_of_the_answers():
    from outrange.answers.render.style import CLAIM, SEEN

    style = (STATIC / "explorer.css").read_text()
    assert f"--claim: {CLAIM};" in style
    assert f"--seen: {SEEN};" in style


def test_two_pages_do_not_know_each_other(client):
    with (
        client.websocket_connect(SOCKET, headers=HOME) as one,
        client.websocket_connect(SOCKET, headers=HOME) as two,
    ):
        for socket in (one, two):
            socket.receive_json()
        one.send_json({"ask": "range", "id": 1, **ends(-1, 1)})
        two.send_json({"ask": "range", "id": 1, **ends(0, 0)})
        wide, point = answer(one, 1), answer(two, 1)
        assert point["hi"] == pytest.approx(point["lo"], abs=1e-9)
        assert wide["hi"][0] - wide["lo"][0] > 0.1
        two.send_json({"ask": "end", "id": 2, "output": 0, "side": "hi"})
        assert two.receive_json()["x"] == [0, 0, 0]


def test_bad_messages_are_refused_and_the_socket_stays(client):
    with client.websocket_connect(SOCKET, headers=HOME) as socket:
        socket.receive_json()
        for message in hostile_messages(1000, seed=1):
            if isinstance(message, bytes):
                socket.send_bytes(message)
            else:
                socket.send_text(message)
        socket.send_json({"ask": "range", "id": 12345, **ends(-1, 1)})
        assert answer(socket, 12345)["exact"]


def test_pages_beyond_the_limit_wait(client):
    open_ = [client.websocket_connect(SOCKET, headers=HOME) for _ in range(MOST_PAGES)]
    for socket in open_:
        socket.__enter__().receive_json()
    with (
        client.websocket_connect(SOCKET, headers=HOME) as late,
        pytest.raises(WebSocketDisconnect),
    ):
        late.receive_json()
    for socket in open_:
        socket.__exit__(None, None, None)
    with client.websocket_connect(SOCKET, headers=HOME) as socket:
        assert json.loads(socket.receive_text())["say"] == "hello"


def test_only_loopback_unless_told_otherwise():
    for host in ("127.0.0.1", "localhost", "::1"):
        assert check_host(host, False) == host
    for host in ("0.0.0.0", "::", "10.1.2.3", "example.org", ""):
        with pytest.raises(InputError, match="allow-remote"):
            check_host(host, False)
    assert check_host("0.0.0.0", True) == "0.0.0.0"
    remote = Guard("0.0.0.0", 8421, TOKEN)
    assert remote.knows_host("10.1.2.3:8421")
    assert not remote.knows_host("evil.example:8421")


def test_tokens_are_long_and_never_the_same():
    assert len({check_token(None) for _ in range(9)}) == 9
    assert all(len(check_token(None)) >= 32 for _ in range(9))
    for weak in ("", "short", "x" * 200, "with a space in it", "a/slash/in/the/token"):
        with pytest.raises(InputError):
            check_token(weak)
