import '../../system/demo/demo-ends.test.js';
