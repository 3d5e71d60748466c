// What differs between the two platforms' templates, and the components and events that both know.

export const ALIPAY = {
  name: "alipay",
  markup: ".axml",
  style: ".acss",
  directive: "a:",
  title: "defaultTitle",
  foreign: /^(wx:|bind|catch:)/,
  eventOf: (attribute) => readEvent(/^(on|catch)([A-Z]\w*)$/, attribute),
};

export const WECHAT = {
  name: "wechat",
  markup: ".wxml",
  style: ".wxss",
  directive: "wx:",
  title: "navigationBarTitleText",
  foreign: /^(a:|on[A-Z]|catch[A-Z])/,
  eventOf: (attribute) => readEvent(/^(bind|catch):(\w+)$/, attribute),
};

function readEvent(pattern, attribute) {
  const found = pattern.exec(attribute);
  return found && { name: found[2].toLowerCase(), stops: found[1] === "catch" };
}

export const DIRECTIVES = ["for", "for-item", "for-index", "key", "if", "elif", "else"];

// Component -> the events it fires beyond tap.
export const COMPONENTS = {
  view: [],
  text: [],
  block: [],
  image: ["load", "error"],
  progress: [],
  slider: ["change", "changing"],
  switch: ["change"],
  input: ["input", "blur", "focus", "confirm"],
  picker: ["change", "cancel"],
  "scroll-view": ["scroll"],
};
