"use strict";

// Header names come in any case: as sent on a phone, in lower case from fetch.
function lowerCased(headers) {
  const lowered = {};
  for (const name of Object.keys(headers || {})) lowered[name.toLowerCase()] = String(headers[name]);
  return lowered;
}

module.exports = { lowerCased };
