'use strict';

// The least that a recorder of memory accesses would do in Jalangi2: count reads, writes and calls by place.

/* global J$ */
(function (sandbox) {
  var counts = new Map();
  function note(iid) {
    counts.set(iid, (counts.get(iid) || 0) + 1);
  }
  sandbox.analysis = {
    read: function (iid, name, val) { note(iid); return { result: val }; },
    write: function (iid, name, val) { note(iid); return { result: val }; },
    getField: function (iid, base, offset, val) { note(iid); return { result: val }; },
    putField: function (iid, base, offset, val) { note(iid); return { result: val }; },
    functionEnter: function (iid) { note(iid); }
  };
})(J$);
