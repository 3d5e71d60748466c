"use strict";

App({
  // The gallery leaves the picture's key here for the first page to take up.
  globalData: { key: "" },
});
