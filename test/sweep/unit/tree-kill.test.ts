import '../../unit/tree-kill.test.js';
