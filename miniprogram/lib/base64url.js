"use strict";

// Text to URL-safe base64 without padding and back (RFC 4648 section 5), as the server writes texts and keys in a URL.
// Mini-programs have neither btoa nor TextEncoder; encodeURIComponent gives UTF-8 everywhere.

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

function utf8Bytes(text) {
  const bytes = [];
  const escaped = encodeURIComponent(text);
  for (let at = 0; at < escaped.length; at += 1) {
    if (escaped[at] === "%") {
      bytes.push(parseInt(escaped.slice(at + 1, at + 3), 16));
      at += 2;
    } else {
      bytes.push(escaped.charCodeAt(at));
    }
  }
  return bytes;
}

function encode(text) {
  const bytes = utf8Bytes(text);
  let encoded = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const three = (bytes[at] << 16) | ((bytes[at + 1] || 0) << 8) | (bytes[at + 2] || 0);
    const letters = Math.min(4, bytes.length - at + 1);
    for (let letter = 0; letter < letters; letter += 1) {
      encoded += ALPHABET[(three >> (18 - 6 * letter)) & 63];
    }
  }
  return encoded;
}

function decode(encoded) {
  let escaped = "";
  let bits = 0;
  let held = 0;
  for (const letter of encoded.replace(/=+$/, "")) {
    held = ((held << 6) | ALPHABET.indexOf(letter)) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      escaped += "%" + (((held >> bits) & 255) + 256).toString(16).slice(1);
    }
  }
  return decodeURIComponent(escaped);
}

module.exports = { encode, decode };
