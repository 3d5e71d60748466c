// acss or wxss -> CSS: 750rpx are the width of the screen, and `page` is the page's root.

export function toCss(style) {
  return style
    .replace(/(-?[\d.]+)rpx/g, (_, number) => `calc(${number} * 100vw / 750)`)
    .replace(/(^|[\s,}{])page(?=\s*[,{])/g, "$1.harness-page");
}
