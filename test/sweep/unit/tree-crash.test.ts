import '../../unit/tree-crash.test.js';
