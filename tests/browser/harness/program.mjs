// Reads a mini-program from wherever `read(path)` finds its files: the manifest, the modules, the pages.

const REQUIRE = /\brequire\(\s*["']([^"']+)["']\s*\)/g;

// `globals` are what scripts see besides require: {my} or {wx}. Page() and App() are taken from the scripts themselves.
export async function readProgram(read, dialect, globals) {
  const manifest = JSON.parse(await read("app.json"));
  const sources = new Map();
  const loaded = new Map();
  let app = { globalData: {} };
  let lastPage;

  await collect("app.js");
  run("app.js");
  if (!app.globalData) app.globalData = {};
  const pages = new Map();
  for (const path of manifest.pages) {
    await collect(`${path}.js`);
    lastPage = undefined;
    run(`${path}.js`);
    if (!lastPage) throw new Error(`${path}.js calls no Page()`);
    pages.set(path, {
      path,
      page: lastPage,
      markup: await read(path + dialect.markup),
      style: await read(path + dialect.style),
      title: JSON.parse(await read(`${path}.json`))[dialect.title] || manifest.window[dialect.title],
    });
  }
  return { manifest, app, pages, style: await read(`app${dialect.style}`) };

  // Scripts require synchronously, so everything that they name is read before any of them runs.
  async function collect(path) {
    if (sources.has(path)) return;
    const source = await read(path);
    sources.set(path, source);
    for (const [, target] of source.matchAll(REQUIRE)) await collect(resolve(path, target));
  }

  function resolve(from, target) {
    if (!target.startsWith(".")) throw new Error(`${from} requires ${target}: only relative paths work on every version`);
    const parts = from.split("/").slice(0, -1);
    for (const part of target.split("/")) {
      if (part === "..") parts.pop();
      else if (part !== ".") parts.push(part);
    }
    return parts.join("/").replace(/(\.js)?$/, ".js");
  }

  function run(path) {
    if (loaded.has(path)) return loaded.get(path).exports;
    const module = { exports: {} };
    loaded.set(path, module);
    const scope = {
      ...globals,
      require: (target) => run(resolve(path, target)),
      module,
      exports: module.exports,
      App: (given) => (app = given),
      Page: (given) => (lastPage = given),
      getApp: () => app,
    };
    new Function(...Object.keys(scope), `${sources.get(path)}\n//# sourceURL=${path}`)(...Object.values(scope));
    return module.exports;
  }
}
