"use strict";

// The one file to change: where your server is, and the token that it wants for uploads (IMGFN_UPLOAD_TOKEN), if any.
module.exports = {
  base: "http://127.0.0.1:8000",
  token: "",
};
