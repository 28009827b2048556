/** A column of a Parquet file. */
export interface ParquetColumn {
  name: string;
  /** Whether it holds bytes, plain or in a struct `{ bytes, path }` as the Hugging Face hub has images and sounds. */
  bytes: boolean;
  /** Names of the classes that its integers stand for, where the file tells them (a ClassLabel of the hub). */
  classes: readonly string[] | undefined;
}

/** Some of the rows. */
export interface RowRange {
  start: number;
  /** Exclusive. */
  end: number;
}

/** What the footer of a Parquet file tells. */
export interface ParquetFacts {
  columns: readonly ParquetColumn[];
  /** Rows. */
  size: number;
  /** Row groups: the rows that are read at once. */
  groups: readonly RowRange[];
  /** Bytes of the file. */
  bytes: number;
}

/** Methods of the thread that reads Parquet files. */
export interface ParquetMethods {
  open(path: string): Promise<ParquetFacts>;
  read(path: string, columns: readonly string[], range: RowRange): Promise<Record<string, unknown>[]>;
}
