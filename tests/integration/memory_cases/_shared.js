exports.total = 0
exports.add = function add () { exports.total++ }
