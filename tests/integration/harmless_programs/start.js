const fs = require('fs'); function names() { return fs.readdirSync(__dirname).map((one) => one.length); } names();	undeclared.here = 1;
