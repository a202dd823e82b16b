"""A component by hand, whose guest does what the first character of a request says."""

from __future__ import annotations

from wasmtime import wat2wasm

# A bump allocator, a counter in a global, and one function that tries what a guest may try.
COMPONENT = """
(component
  (import "pymode:sandbox/host@1.0.0" (instance $host
    (export "start" (func (param "target" string) (param "payload" string) (result u32)))
    (export "print" (func (param "text" string)))
  ))
  (import "wasi:random/random@0.2.9" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))
  ))
  (import "wasi:cli/exit@0.2.9" (instance $exit (export "exit" (func (param "code" u32)))))
  (core module $store
    (memory (export "memory") 2)
    (global $next (mut i32) (i32.const 70000))
    (func (export "allocate") (param i32 i32 i32 i32) (result i32)
      (local $place i32)
      (local.set $place (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $place) (local.get 3)))
      (local.get $place))
    %(store)s)
  (core instance $store (instantiate $store))
  (alias core export $store "memory" (core memory $memory))
  (alias core export $store "allocate" (core func $allocate))
  (core func $start (canon lower (func $host "start") (memory $memory)))
  (core func $print (canon lower (func $host "print") (memory $memory)))
  (core func $random (canon lower (func $random "get-random-bytes") (memory $memory)
    (realloc $allocate)))
  (core func $exit (canon lower (func $exit "exit")))
  (core module $main
    (import "store" "memory" (memory 2))
    (import "host" "start" (func $start (param i32 i32 i32 i32) (result i32)))
    (import "host" "print" (func $print (param i32 i32)))
    (import "host" "random" (func $random (param i64 i32)))
    (import "host" "exit" (func $exit (param i32)))
    (global $calls (mut i64) (i64.const 0))
    (global $float (mut f64) (f64.const 0.5))
    (func $done (param $size i32) (result i32)
      (i32.store (i32.const 16) (i32.const 1024))
      (i32.store (i32.const 20) (local.get $size))
      (i32.const 16))
    (func $deeper (param i32) (result i32)
      (i32.add (call $deeper (local.get 0)) (i32.const 1)))
    (func (export "run") (param $place i32) (param $size i32) (result i32)
      (local $command i32)
      (local.set $command (i32.load8_u (local.get $place)))
      (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
      (global.set $float (f64.add (global.get $float) (f64.const 0.25)))
      (i64.store (i32.const 1024) (global.get $calls))
      (if (i32.eq (local.get $command) (i32.const 119))  ;; w: writes to every page
        (then (loop $again
          (i32.store (local.get $size) (i32.const -1))
          (local.set $size (i32.add (local.get $size) (i32.const 4096)))
          (br_if $again (i32.lt_u (local.get $size) (i32.const 131072))))
          (i64.store (i32.const 1024) (global.get $calls))))
      (if (i32.eq (local.get $command) (i32.const 103))  ;; g: grows
        (then (drop (memory.grow (i32.const 1)))))
      (if (i32.eq (local.get $command) (i32.const 108))  ;; l: loops
        (then (loop $again (br $again))))
      (if (i32.eq (local.get $command) (i32.const 100))  ;; d: deep recursion
        (then (drop (call $deeper (i32.const 0)))))
      (if (i32.eq (local.get $command) (i32.const 111))  ;; o: reads out of bounds
        (then (drop (i32.load (i32.const -8)))))
      (if (i32.eq (local.get $command) (i32.const 115))  ;; s: starts a host call
        (then (drop (call $start (local.get $place) (i32.const 1)
          (local.get $place) (local.get $size)))))
      (if (i32.eq (local.get $command) (i32.const 98))  ;; b: starts one from beyond its memory
        (then (drop (call $start (i32.const 0) (i32.const 0) (i32.const 131070) (i32.const 9)))))
      (if (i32.eq (local.get $command) (i32.const 104))  ;; h: of a huge size
        (then (drop (call $start (i32.const 8) (i32.const 0) (i32.const 8) (i32.const -1)))))
      (if (i32.eq (local.get $command) (i32.const 117))  ;; u: prints what is not UTF-8
        (then (i32.store8 (i32.const 0) (i32.const 255))
          (call $print (i32.const 0) (i32.const 1))))
      (if (i32.eq (local.get $command) (i32.const 114))  ;; r: 8 random bytes
        (then (call $random (i64.const 8) (i32.const 32))
          (i64.store (i32.const 1024) (i64.load (i32.load (i32.const 32))))))
      (if (i32.eq (local.get $command) (i32.const 109))  ;; m: more random bytes than there may be
        (then (call $random (i64.const 1000000) (i32.const 32))))
      (if (i32.eq (local.get $command) (i32.const 101))  ;; e: exits, and prints
        (then (call $exit (i32.const 1))
          (call $print (i32.const 0) (i32.const 1))))
      (if (i32.eq (local.get $command) (i32.const 120))  ;; x: a result beyond its memory
        (then (i32.store (i32.const 16) (i32.const -4))
          (i32.store (i32.const 20) (i32.const 100))
          (return (i32.const 16))))
      (call $done (i32.const 8)))
    (func (export "touch") (global.set $calls (i64.const 1000)))
    %(main)s)
  (core instance $given
    (export "start" (func $start)) (export "print" (func $print))
    (export "random" (func $random)) (export "exit" (func $exit)))
  (core instance $main (instantiate $main
    (with "store" (instance $store)) (with "host" (instance $given))))
  (func (export "run") (param "request" string) (result string) (canon lift
    (core func $main "run") (memory $memory) (realloc $allocate)))
  (func (export "touch") (canon lift (core func $main "touch")))
)
"""


def make_component(*, main: str = "", store: str = "") -> bytes:
    """Return the component, with more in its modules."""
    return bytes(wat2wasm(COMPONENT % {"main": main, "store": store}))
