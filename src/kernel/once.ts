/** Returns a function that starts the work on its first call and then returns the same promise. After a failure, the next call starts again. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let value: Promise<T> | undefined;
  return () => {
    value ??= make().catch((error: unknown) => {
      value = undefined;
      throw error;
    });
    return value;
  };
}

/** {@link once} for each key. */
export function onceEach<K, T>(make: (key: K) => Promise<T>): (key: K) => Promise<T> {
  const values = new Map<K, () => Promise<T>>();
  return (key) => {
    const value = values.get(key) ?? once(() => make(key));
    values.set(key, value);
    return value();
  };
}
