// The page of `outrange explore`: the explorer over a web socket that reconnects by itself.
import { Explorer } from "./explorer.js";

const FIRST_DELAY = 300;
const LONGEST_DELAY = 5000;

const token = new URLSearchParams(location.search).get("token") ?? "";
const address = `ws://${location.host}/socket?token=${encodeURIComponent(token)}`;
let socket = null;
let delay = FIRST_DELAY;

const explorer = new Explorer(document.getElementById("explorer"), {
  send(message) {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  },
});

function connect() {
  socket = new WebSocket(address);
  socket.addEventListener("message", (event) => {
    delay = FIRST_DELAY;
    explorer.receive(JSON.parse(event.data));
  });
  socket.addEventListener("close", lost);
}

async function lost() {
  explorer.connection("The server does not answer; reconnecting …");
  const started = await fetch(`/?token=${encodeURIComponent(token)}`, { cache: "no-store" })
    .then((reply) => reply.status, () => 0);
  if (started === 403) {
    explorer.connection("The server was restarted. Open the address that it printed: it has a new "
      + "token. (With outrange explore --port and --token, both stay the same.)");
  }
  setTimeout(connect, delay);
  delay = Math.min(delay * 1.6, LONGEST_DELAY);
}

connect();
