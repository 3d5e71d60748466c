// node check-program.mjs FOLDER [alipay|wechat]: prints every problem of a mini-program; fails where there is one.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { checkTemplate } from "./check.mjs";
import { ALIPAY, WECHAT } from "./dialects.mjs";
import { readProgram } from "./program.mjs";

const [folder, platform = "alipay"] = process.argv.slice(2);
const dialect = platform === "wechat" ? WECHAT : ALIPAY;

const problems = [];
try {
  const program = await readProgram((path) => readFile(join(folder, path), "utf-8"), dialect, { [platform === "wechat" ? "wx" : "my"]: {} });
  for (const { path, page, markup } of program.pages.values()) {
    for (const problem of checkTemplate(markup, page, dialect)) problems.push(`${path}${dialect.markup} ${problem}`);
  }
} catch (error) {
  problems.push(error.message);
}
for (const problem of problems) console.log(problem);
process.exitCode = problems.length ? 1 : 0;
