// Flags that instrumented code tests; both are global variables, which the engine
// reads with one load.

/** 1 while memory accesses are recorded. */
declare let $pxs: number;
/** 1 between the entry of an invocation that wants to see its arguments and the probe that hands them over. */
declare let $pxq: number;
