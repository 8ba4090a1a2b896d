// The explorer in a notebook: the same front end over the messages of a widget.
import { Explorer } from "./explorer.js";

export default {
  render({ model, el }) {
    const explorer = new Explorer(el, {
      send(message) {
        model.send({ text: JSON.stringify(message) });
      },
    });
    const receive = (content) => explorer.receive(JSON.parse(content.text));
    model.on("msg:custom", receive);
    model.send({ text: "hello" });
    return () => model.off("msg:custom", receive);
  },
};
