// axml or wxml text -> a tree of {tag, attributes: Map, children, line} and {text, line}; as strict as the real compilers.
// An attribute without a value is null.

const NAME = /[A-Za-z_][\w:.-]*/y;

export function parseMarkup(source) {
  const root = { tag: "#root", attributes: new Map(), children: [], line: 1 };
  const open = [root];
  let at = 0;

  const line = () => source.slice(0, at).split("\n").length;
  const refuse = (what) => {
    throw new SyntaxError(`line ${line()}: ${what}`);
  };
  const top = () => open[open.length - 1];

  while (at < source.length) {
    if (source.startsWith("<!--", at)) skipComment();
    else if (source.startsWith("</", at)) closeTag();
    else if (source[at] === "<") openTag();
    else takeText();
  }
  if (open.length > 1) refuse(`<${top().tag}> of line ${top().line} is not closed`);
  return root;

  function skipComment() {
    const end = source.indexOf("-->", at);
    if (end < 0) refuse("a comment is not closed");
    at = end + 3;
  }

  function closeTag() {
    const end = source.indexOf(">", at);
    const tag = source.slice(at + 2, end).trim();
    if (top().tag !== tag) refuse(`</${tag}> closes <${top().tag}>`);
    open.pop();
    at = end + 1;
  }

  function openTag() {
    const start = line();
    at += 1;
    const tag = takeName("a tag's name");
    const attributes = takeAttributes(tag);
    const element = { tag, attributes, children: [], line: start };
    top().children.push(element);
    if (source.startsWith("/>", at)) {
      at += 2;
    } else if (source[at] === ">") {
      at += 1;
      open.push(element);
    } else {
      refuse(`<${tag}> has ${JSON.stringify(source.slice(at, at + 12))} where an attribute should be`);
    }
  }

  function takeAttributes(tag) {
    const attributes = new Map();
    for (;;) {
      skipSpace();
      if (at >= source.length || !/[A-Za-z_]/.test(source[at])) return attributes;
      const name = takeName("an attribute's name");
      if (attributes.has(name)) refuse(`<${tag}> has ${name} twice`);
      if (source[at] !== "=") {
        attributes.set(name, null);
        continue;
      }
      const quote = source[at + 1];
      if (quote !== '"' && quote !== "'") refuse(`<${tag}> has ${name} without quotes`);
      const end = source.indexOf(quote, at + 2);
      if (end < 0) refuse(`<${tag}> has ${name} without its closing quote`);
      attributes.set(name, source.slice(at + 2, end));
      at = end + 1;
      if (at < source.length && !/[\s/>]/.test(source[at])) refuse(`<${tag}> wants a space after ${name}`);
    }
  }

  function takeName(what) {
    NAME.lastIndex = at;
    const found = NAME.exec(source);
    if (!found) refuse(`${what} is missing`);
    at = NAME.lastIndex;
    return found[0];
  }

  function skipSpace() {
    while (at < source.length && /\s/.test(source[at])) at += 1;
  }

  function takeText() {
    const end = source.indexOf("<", at);
    const text = source.slice(at, end < 0 ? source.length : end);
    const trimmed = text.replace(/\s+/g, " ");
    if (trimmed.trim()) top().children.push({ text: top().tag === "text" ? trimmed : trimmed.trim(), line: line() });
    at = end < 0 ? source.length : end;
  }
}
