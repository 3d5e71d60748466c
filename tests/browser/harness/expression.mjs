// The expressions inside {{}}: names, member access, strings, numbers, comparison, !, &&, || and ?:. Whatever goes
// beyond that is refused, because template engines differ there. Parsed, never eval'ed.

const TOKEN = /\s*(?:(\d+(?:\.\d+)?)|('[^']*'|"[^"]*")|([A-Za-z_$][\w$]*)|(===|!==|==|!=|>=|<=|&&|\|\||[.?:()!<>]))/y;
const COMPARISONS = new Set(["===", "!==", ">", "<", ">=", "<="]);

function tokenize(text) {
  const tokens = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const start = TOKEN.lastIndex;
    const found = TOKEN.exec(text);
    if (!found) throw new SyntaxError(`{{${text}}}: ${JSON.stringify(text.slice(start).trim())} is beyond plain expressions`);
    const [, number, string, name, sign] = found;
    if (number !== undefined) tokens.push({ kind: "value", value: Number(number) });
    else if (string !== undefined) tokens.push({ kind: "value", value: string.slice(1, -1) });
    else if (name === "true" || name === "false") tokens.push({ kind: "value", value: name === "true" });
    else if (name !== undefined) tokens.push({ kind: "name", name });
    else tokens.push({ kind: sign });
  }
  return tokens;
}

// Text -> tree. SyntaxError where a real engine would fail, or where engines differ.
export function parseExpression(text) {
  const tokens = tokenize(text);
  let at = 0;
  const next = () => (tokens[at] || { kind: "the end" }).kind;
  const tree = parseChoice();
  if (at < tokens.length) refuse();
  return tree;

  function refuse() {
    throw new SyntaxError(`{{${text}}}: unexpected ${next()}`);
  }
  function take(kind) {
    if (next() !== kind) refuse();
    at += 1;
    return tokens[at - 1];
  }
  function parseChoice() {
    const test = parseChain("||", () => parseChain("&&", parseComparison));
    if (next() !== "?") return test;
    take("?");
    const yes = parseChoice();
    take(":");
    return { kind: "choice", test, yes, no: parseChoice() };
  }
  function parseChain(sign, parseOperand) {
    let left = parseOperand();
    while (next() === sign) {
      take(sign);
      left = { kind: sign, left, right: parseOperand() };
    }
    return left;
  }
  function parseComparison() {
    const left = parseUnary();
    if (!COMPARISONS.has(next())) return left;
    const sign = take(next()).kind;
    return { kind: "comparison", sign, left, right: parseUnary() };
  }
  function parseUnary() {
    if (next() !== "!") return parseMember();
    take("!");
    return { kind: "!", operand: parseUnary() };
  }
  function parseMember() {
    let tree = parsePrimary();
    while (next() === ".") {
      take(".");
      tree = { kind: "member", object: tree, name: take("name").name };
    }
    if (next() === "(") refuse();
    return tree;
  }
  function parsePrimary() {
    if (next() === "(") {
      take("(");
      const inner = parseChoice();
      take(")");
      return inner;
    }
    return next() === "name" ? take("name") : take("value");
  }
}

// The names that an expression needs from its scope.
export function namesIn(tree) {
  if (!tree || typeof tree !== "object") return [];
  if (tree.kind === "name") return [tree.name];
  return Object.values(tree).flatMap(namesIn);
}

export function evaluate(tree, scope) {
  switch (tree.kind) {
    case "value": return tree.value;
    case "name":
      if (!(tree.name in scope)) throw new ReferenceError(`${tree.name} is in nobody's data`);
      return scope[tree.name];
    case "member": {
      const object = evaluate(tree.object, scope);
      return object === undefined || object === null ? undefined : object[tree.name];
    }
    case "!": return !evaluate(tree.operand, scope);
    case "&&": return evaluate(tree.left, scope) && evaluate(tree.right, scope);
    case "||": return evaluate(tree.left, scope) || evaluate(tree.right, scope);
    case "choice": return evaluate(evaluate(tree.test, scope) ? tree.yes : tree.no, scope);
    case "comparison": return compare(tree.sign, evaluate(tree.left, scope), evaluate(tree.right, scope));
    default: throw new Error(`no such expression: ${tree.kind}`);
  }
}

function compare(sign, left, right) {
  switch (sign) {
    case "===": return left === right;
    case "!==": return left !== right;
    case ">": return left > right;
    case "<": return left < right;
    case ">=": return left >= right;
    default: return left <= right;
  }
}

// "a {{b}} c" -> its parts: plain strings and trees.
export function parseTemplate(text) {
  const parts = [];
  let rest = text;
  while (rest.includes("{{")) {
    const open = rest.indexOf("{{");
    const close = rest.indexOf("}}", open);
    if (close < 0) throw new SyntaxError(`${text}: {{ is not closed`);
    if (open > 0) parts.push(rest.slice(0, open));
    parts.push(parseExpression(rest.slice(open + 2, close)));
    rest = rest.slice(close + 2);
  }
  if (rest.includes("}}")) throw new SyntaxError(`${text}: }} without {{`);
  if (rest) parts.push(rest);
  return parts;
}

// A lone {{x}} keeps its type (a list, a boolean); anything else is text.
export function fillTemplate(parts, scope) {
  if (parts.length === 1 && typeof parts[0] === "object") return evaluate(parts[0], scope);
  return parts.map((part) => (typeof part === "string" ? part : textOf(evaluate(part, scope)))).join("");
}

export function textOf(value) {
  return value === undefined || value === null ? "" : String(value);
}
