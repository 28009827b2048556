/** PFFFT (Julien Pommier), compiled to WebAssembly with its SIMD instructions: what of it is used here. */
declare module '@echogarden/pffft-wasm/simd' {
  /** Places in the module's memory, counted in bytes. */
  type Address = number;

  export interface Pffft {
    /** The module's memory; another array where it has grown. */
    readonly HEAPF32: Float32Array;
    /** @param kind 0 for real values, whose number is a multiple of 32, 1 for complex ones, a multiple of 16. */
    _pffft_new_setup(size: number, kind: 0 | 1): Address;
    _pffft_aligned_malloc(bytes: number): Address;
    /** @param direction 0 forward, 1 backward. */
    _pffft_transform(setup: Address, from: Address, to: Address, work: Address, direction: 0 | 1): void;
    /** The same with values in their usual order: of real ones DC and the highest first, then real and imaginary parts. */
    _pffft_transform_ordered(setup: Address, from: Address, to: Address, work: Address, direction: 0 | 1): void;
    /** Adds the products of what two unordered transforms gave, times a factor. */
    _pffft_zconvolve_accumulate(setup: Address, a: Address, b: Address, sum: Address, factor: number): void;
  }

  export default function create(): Promise<Pffft>;
}
