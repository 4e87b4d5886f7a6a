// Stands for a package that only drawing needs: every property and call gives itself.
const f = function () { return p; };
const p = new Proxy(f, { get: (t, k) => (k === 'then' ? undefined : k === Symbol.toPrimitive ? () => '' : k === '__esModule' ? false : k==='prototype' ? f.prototype : p) });
module.exports = p;
