"""The native code of `runtime`: how a thread walks a list of kernels, waits at a barrier, and waits
for the next launch.

It is written as LLVM IR by hand, since it runs without Python's lock and everything in it is about the
order in which threads see each other's writes. Read `walk` (what every thread does between two stops),
then `launch` (what the caller does besides), `work` (a worker's life), and `alone` (the same without
workers).
"""

from __future__ import annotations

import ctypes
import functools
import platform
from typing import Any

from ..base.errors import DeviceError
from .library import Library
from .target import Target

__all__ = [
    "ACTIVE", "ASLEEP", "LAUNCH", "QUIT", "SCRATCH", "SPIN", "STRIDE", "WORKERS", "Walker", "walker",
]  # fmt: skip

LAUNCH, QUIT, ACTIVE, SCRATCH, STRIDE, SPIN, WORKERS, ASLEEP = 0, 1, 8, 19, 20, 21, 22, 24
"""Where things stand in the control block, in words of 8 bytes; what different threads write lies
64 bytes apart.

    0  launch    the number of the launch that is open, 0 if none is
    1  quit      set once: workers leave
    8  active    how many workers are inside a launch
   16  table, first, end, scratch, stride, spin (ns), workers, launches so far
   24  asleep   one for each worker, 8 words apart: it waits for its bell, or is about to
"""

NATIVE = """
declare void @llvm.x86.sse2.pause()
declare void @llvm.x86.sse.ldmxcsr(ptr)
declare void @llvm.x86.sse.stmxcsr(ptr)
declare i32 @sched_yield()
declare i32 @clock_gettime(i32, ptr)

; Wait a moment. Whoever waits long gives the processor away: what it waits for may need it.
define internal void @rest(i64 %k) #0 {
entry:
  %short = icmp ult i64 %k, 4096
  br i1 %short, label %pause, label %yield
pause:
  call void @llvm.x86.sse2.pause()
  ret void
yield:
  %r = call i32 @sched_yield()
  ret void
}

; Nanoseconds on a clock that never goes back.
define internal i64 @now() #0 {
entry:
  %time = alloca [2 x i64], align 8
  %r = call i32 @clock_gettime(i32 1, ptr %time)
  %s = load i64, ptr %time
  %at = getelementptr i64, ptr %time, i64 1
  %ns = load i64, ptr %at
  %s.ns = mul i64 %s, 1000000000
  %sum = add i64 %s.ns, %ns
  ret i64 %sum
}

; Rounding to nearest, subnormals kept, no traps: what a new thread starts with.
define internal void @ieee() #0 {
entry:
  %state = alloca i32, align 4
  store i32 8064, ptr %state
  call void @llvm.x86.sse.ldmxcsr(ptr %state)
  ret void
}

; Take tasks of the entries [first, end) until none is left. Nobody waits behind the last entry.
define internal void @walk(ptr %table, i64 %first, i64 %end, ptr %scratch) #0 {
entry:
  br label %next
next:
  %e = phi i64 [%first, %entry], [%e1, %passed]
  %done = phi i64 [0, %entry], [%kept, %passed]
  %line = getelementptr [8 x i64], ptr %table, i64 %e
  %function = load ptr, ptr %line
  %line.1 = getelementptr i64, ptr %line, i64 1
  %arguments = load ptr, ptr %line.1
  %line.2 = getelementptr i64, ptr %line, i64 2
  %tasks = load i64, ptr %line.2
  %counter = getelementptr i64, ptr %line, i64 3
  %taken = load atomic i64, ptr %counter monotonic, align 8
  %some = icmp slt i64 %taken, %tasks
  br i1 %some, label %take, label %exhausted
take:
  %before = phi i64 [%done, %next], [%after, %work]
  %task = atomicrmw add ptr %counter, i64 1 monotonic
  %mine = icmp slt i64 %task, %tasks
  br i1 %mine, label %work, label %exhausted
work:
  call void %function(ptr %arguments, i64 %task, ptr %scratch)
  %after = add i64 %before, 1
  br label %take
exhausted:
  %mine.done = phi i64 [%done, %next], [%before, %take]
  %e1 = add i64 %e, 1
  %last = icmp eq i64 %e1, %end
  br i1 %last, label %out, label %on
on:
  %line.6 = getelementptr i64, ptr %line, i64 6
  %barrier = load i64, ptr %line.6
  %open = icmp eq i64 %barrier, 0
  br i1 %open, label %passed, label %report
report:
  %finished = getelementptr i64, ptr %line, i64 4
  %line.5 = getelementptr i64, ptr %line, i64 5
  %expected = load i64, ptr %line.5
  %nothing = icmp eq i64 %mine.done, 0
  br i1 %nothing, label %wait, label %add
add:
  %sum = atomicrmw add ptr %finished, i64 %mine.done release
  br label %wait
wait:
  %k = phi i64 [0, %report], [0, %add], [%k1, %again]
  %all = load atomic i64, ptr %finished acquire, align 8
  %met = icmp sge i64 %all, %expected
  br i1 %met, label %passed, label %again
again:
  call void @rest(i64 %k)
  %k1 = add i64 %k, 1
  br label %wait
passed:
  %kept = phi i64 [%mine.done, %on], [0, %wait]
  br label %next
out:
  ret void
}

; From entry `first` to the next stop or to the end of `count` entries, with all workers.
; Returns where it stopped, or -1, having done nothing, if bells must be rung first.
define i64 @launch(ptr %control, ptr %table, i64 %first, i64 %count, i64 %rung) #0 {
entry:
  %state = alloca i32, align 4
  %workers.p = getelementptr i64, ptr %control, i64 22
  %workers = load i64, ptr %workers.p
  %skip = icmp ne i64 %rung, 0
  br i1 %skip, label %scan, label %look
look:
  %w = phi i64 [0, %entry], [%w1, %awake]
  %seen = icmp sge i64 %w, %workers
  br i1 %seen, label %scan, label %one
one:
  %w.8 = mul i64 %w, 8
  %w.24 = add i64 %w.8, 24
  %asleep.p = getelementptr i64, ptr %control, i64 %w.24
  %asleep = load atomic i64, ptr %asleep.p monotonic, align 8
  %w1 = add i64 %w, 1
  %sleeps = icmp ne i64 %asleep, 0
  br i1 %sleeps, label %ring, label %awake
awake:
  br label %look
ring:
  ret i64 -1
scan:
  %e = phi i64 [%first, %entry], [%first, %look], [%e1, %reset]
  %over = icmp sge i64 %e, %count
  br i1 %over, label %ready, label %kind
kind:
  %line = getelementptr [8 x i64], ptr %table, i64 %e
  %stop.p = getelementptr i64, ptr %line, i64 7
  %stop = load i64, ptr %stop.p
  %stops = icmp ne i64 %stop, 0
  br i1 %stops, label %ready, label %reset
reset:
  %counter = getelementptr i64, ptr %line, i64 3
  store i64 0, ptr %counter
  %finished = getelementptr i64, ptr %line, i64 4
  store i64 0, ptr %finished
  %e1 = add i64 %e, 1
  br label %scan
ready:
  %empty = icmp eq i64 %e, %first
  br i1 %empty, label %out, label %go
go:
  call void @llvm.x86.sse.stmxcsr(ptr %state)
  call void @ieee()
  %table.p = getelementptr i64, ptr %control, i64 16
  store ptr %table, ptr %table.p
  %first.p = getelementptr i64, ptr %control, i64 17
  store i64 %first, ptr %first.p
  %end.p = getelementptr i64, ptr %control, i64 18
  store i64 %e, ptr %end.p
  %scratch.p = getelementptr i64, ptr %control, i64 19
  %scratch = load ptr, ptr %scratch.p
  %number.p = getelementptr i64, ptr %control, i64 23
  %number = load i64, ptr %number.p
  %number.1 = add i64 %number, 1
  store i64 %number.1, ptr %number.p
  store atomic i64 %number.1, ptr %control seq_cst, align 8
  call void @walk(ptr %table, i64 %first, i64 %e, ptr %scratch)
  store atomic i64 0, ptr %control seq_cst, align 8
  %active.p = getelementptr i64, ptr %control, i64 8
  br label %join
join:
  %k = phi i64 [0, %go], [%k1, %again]
  %active = load atomic i64, ptr %active.p seq_cst, align 8
  %busy = icmp ne i64 %active, 0
  br i1 %busy, label %again, label %joined
again:
  call void @rest(i64 %k)
  %k1 = add i64 %k, 1
  br label %join
joined:
  call void @llvm.x86.sse.ldmxcsr(ptr %state)
  br label %out
out:
  ret i64 %e
}

; The same by the caller alone, without a word to anyone.
define i64 @alone(ptr %table, i64 %first, i64 %count, ptr %scratch) #0 {
entry:
  %state = alloca i32, align 4
  call void @llvm.x86.sse.stmxcsr(ptr %state)
  call void @ieee()
  br label %next
next:
  %e = phi i64 [%first, %entry], [%e1, %done]
  %over = icmp sge i64 %e, %count
  br i1 %over, label %out, label %kind
kind:
  %line = getelementptr [8 x i64], ptr %table, i64 %e
  %stop.p = getelementptr i64, ptr %line, i64 7
  %stop = load i64, ptr %stop.p
  %stops = icmp ne i64 %stop, 0
  br i1 %stops, label %out, label %run
run:
  %function = load ptr, ptr %line
  %line.1 = getelementptr i64, ptr %line, i64 1
  %arguments = load ptr, ptr %line.1
  %line.2 = getelementptr i64, ptr %line, i64 2
  %tasks = load i64, ptr %line.2
  br label %each
each:
  %task = phi i64 [0, %run], [%task.1, %work]
  %mine = icmp slt i64 %task, %tasks
  br i1 %mine, label %work, label %done
work:
  call void %function(ptr %arguments, i64 %task, ptr %scratch)
  %task.1 = add i64 %task, 1
  br label %each
done:
  %e1 = add i64 %e, 1
  br label %next
out:
  call void @llvm.x86.sse.ldmxcsr(ptr %state)
  ret i64 %e
}

; A worker's life until it is time to sleep (0) or to leave for good (1). Workers count from 0;
; the caller is thread 0 of a launch, worker w is thread w + 1.
define i64 @work(ptr %control, i64 %w) #0 {
entry:
  call void @ieee()
  %w.8 = mul i64 %w, 8
  %w.24 = add i64 %w.8, 24
  %asleep.p = getelementptr i64, ptr %control, i64 %w.24
  %quit.p = getelementptr i64, ptr %control, i64 1
  %active.p = getelementptr i64, ptr %control, i64 8
  %spin.p = getelementptr i64, ptr %control, i64 21
  store atomic i64 0, ptr %asleep.p seq_cst, align 8
  br label %watch
watch:
  %seen = phi i64 [0, %entry], [%seen, %late], [%launch.2, %enter]
  %since = call i64 @now()
  br label %look
look:
  %k = phi i64 [0, %watch], [%k1, %pause], [%k1, %clock]
  %quit = load atomic i64, ptr %quit.p monotonic, align 8
  %leaves = icmp ne i64 %quit, 0
  br i1 %leaves, label %out, label %launched
launched:
  %launch = load atomic i64, ptr %control monotonic, align 8
  %none = icmp eq i64 %launch, 0
  %known = icmp eq i64 %launch, %seen
  %old = or i1 %none, %known
  br i1 %old, label %pause, label %new
pause:
  call void @llvm.x86.sse2.pause()
  %k1 = add i64 %k, 1
  %k.low = and i64 %k1, 63
  %no.clock = icmp ne i64 %k.low, 0
  br i1 %no.clock, label %look, label %clock
clock:
  ; Where others are short of processors, one of them may be the caller.
  %r = call i32 @sched_yield()
  %time = call i64 @now()
  %waited = sub i64 %time, %since
  %limit = load i64, ptr %spin.p
  %tired = icmp sgt i64 %waited, %limit
  br i1 %tired, label %sleep, label %look
sleep:
  ; Said before the last look: a caller who does not see it is seen by it.
  store atomic i64 1, ptr %asleep.p seq_cst, align 8
  %launch.s = load atomic i64, ptr %control seq_cst, align 8
  %none.s = icmp eq i64 %launch.s, 0
  %known.s = icmp eq i64 %launch.s, %seen
  %old.s = or i1 %none.s, %known.s
  br i1 %old.s, label %out, label %up
up:
  store atomic i64 0, ptr %asleep.p seq_cst, align 8
  br label %new
new:
  ; Said before the launch is looked at again: whoever closes it then looks who is inside.
  %in = atomicrmw add ptr %active.p, i64 1 seq_cst
  %launch.2 = load atomic i64, ptr %control seq_cst, align 8
  %closed = icmp eq i64 %launch.2, 0
  br i1 %closed, label %late, label %enter
late:
  %in.late = atomicrmw sub ptr %active.p, i64 1 seq_cst
  br label %watch
enter:
  %table.p = getelementptr i64, ptr %control, i64 16
  %table = load ptr, ptr %table.p
  %first.p = getelementptr i64, ptr %control, i64 17
  %first = load i64, ptr %first.p
  %end.p = getelementptr i64, ptr %control, i64 18
  %end = load i64, ptr %end.p
  %scratch.p = getelementptr i64, ptr %control, i64 19
  %scratch.0 = load ptr, ptr %scratch.p
  %stride.p = getelementptr i64, ptr %control, i64 20
  %stride = load i64, ptr %stride.p
  %thread = add i64 %w, 1
  %offset = mul i64 %thread, %stride
  %scratch = getelementptr i8, ptr %scratch.0, i64 %offset
  call void @walk(ptr %table, i64 %first, i64 %end, ptr %scratch)
  %in.out = atomicrmw sub ptr %active.p, i64 1 seq_cst
  br label %watch
out:
  %why = phi i64 [1, %look], [0, %sleep]
  ret i64 %why
}

attributes #0 = { nounwind }
"""


class Walker:
    """The native functions, and the library that holds them."""

    def __init__(self) -> None:
        if platform.machine().lower() not in ("x86_64", "amd64"):
            raise DeviceError(f"programs are compiled for x86-64, found {platform.machine()}")
        # The plainest processor: the loop needs nothing more, and kernels are called by address.
        self.library = Library(NATIVE, Target.level("baseline"))
        word, pointer = ctypes.c_int64, ctypes.c_void_p
        self.launch = self._function("launch", pointer, pointer, word, word, word)
        self.alone = self._function("alone", pointer, word, word, pointer)
        self.work = self._function("work", pointer, word)

    def _function(self, name: str, *types: Any) -> Any:
        return ctypes.CFUNCTYPE(ctypes.c_int64, *types)(self.library.address(name))


walker = functools.cache(Walker)
