"use strict";

// Chinese for the words that the server uses for parameters and units. A word that is missing here stays as it is, so a
// new operation needs no line in this file.

const ZH = {
  radius: "半径",
  sigma: "标准差",
  amount: "程度",
  width: "宽",
  height: "高",
  mode: "模式",
  longest: "长边",
  shortest: "短边",
  percent: "百分比",
  limit: "不放大",
  colour: "颜色",
  anchor: "位置",
  background: "背景",
  share: "占比",
  x: "横向",
  y: "纵向",
  index: "第几块",
  tolerance: "容差",
  angle: "角度",
  direction: "方向",
  on: "启用",
  image: "图片",
  text: "文字",
  font: "字体",
  size: "大小",
  shadow: "阴影",
  opacity: "不透明度",
  fill: "铺满",
  order: "顺序",
  align: "对齐",
  interval: "间距",
  name: "名称",
  most: "上限",
  relative: "相对值",
  what: "保留什么",
  number: "序号",
  ratio: "倍数",
  px: "像素",
  degrees: "度",
  bytes: "字节",
};

module.exports = { ZH };
