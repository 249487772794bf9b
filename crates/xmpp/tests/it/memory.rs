//! A stream on which nothing is half read costs the framer's own size and nothing else (attack list, rows 1 and 15).

use crate::framing::HEADER;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use xmpp::xml::{Framer, Limits};

/// Counts what the current thread holds.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let _ = HELD.try_with(|held| held.set(held.get() + bytes));
}

#[expect(
    unsafe_code,
    reason = "an allocator cannot be written without; it only counts and passes on"
)]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that the framer holds on the heap after it was given these and returned all frames.
fn held_after(pushes: &[&[u8]]) -> isize {
    let before = HELD.get();
    let mut framer = Framer::new(Limits::AFTER_LOGIN);
    for bytes in pushes {
        framer.push(bytes);
        while let Ok(Some(_)) = framer.next_frame() {}
    }
    let held = HELD.get() - before;
    drop(framer);
    assert_eq!(HELD.get(), before, "something leaked");
    held
}

#[test]
fn an_idle_framer_holds_no_heap() {
    let header = HEADER.as_bytes();
    let big = format!("<a>{}</a> \n", "<b xmlns:c='d' c:e='f'>text</b>".repeat(5000));
    assert_eq!(held_after(&[]), 0);
    assert_eq!(held_after(&[header]), 0);
    assert_eq!(held_after(&[header, b"<a/>"]), 0);
    assert_eq!(held_after(&[header, b"<a><b x='y'/>", b"</a> "]), 0);
    assert_eq!(held_after(&[header, big.as_bytes(), b" ", b"\n"]), 0);
    assert_eq!(held_after(&[header, b"<a></b>"]), 0, "after an error");
    assert_eq!(held_after(&[header, b"</stream:stream>"]), 0, "after the end");
}

#[test]
fn what_was_returned_is_not_kept_even_when_nobody_asks_for_more() {
    let stanza = format!("<a>{}</a>", "x".repeat(10_000));
    let before = HELD.get();
    let mut framer = Framer::new(Limits::AFTER_LOGIN);
    framer.push(HEADER.as_bytes());
    assert!(framer.next_frame().unwrap().is_some());
    for _ in 0..100 {
        framer.push(stanza.as_bytes());
        assert!(framer.next_frame().unwrap().is_some());
        framer.push(b" <a/> ");
        assert!(framer.next_frame().unwrap().is_some());
        assert!(HELD.get() - before < 1024, "{} bytes", HELD.get() - before);
    }
}

#[test]
fn endless_white_space_does_not_accumulate() {
    let header = HEADER.as_bytes();
    let spaces = [b' '; 4096];
    let pushes: Vec<&[u8]> =
        std::iter::once(header).chain(std::iter::repeat_n(&spaces[..], 1000)).collect();
    assert_eq!(held_after(&pushes), 0);
    assert_eq!(held_after(&pushes[1..]), 0, "before the header");
}

#[test]
fn what_is_half_read_costs_little_more_than_its_bytes() {
    let header = HEADER.as_bytes();
    let stanzas = "<message><body>hello</body></message>".repeat(2000);
    let held = held_after(&[header, stanzas.as_bytes(), &stanzas.as_bytes()[..20]]);
    assert!(held < 2048, "{held} bytes for 20");
    let held = held_after(&[header, &stanzas.as_bytes()[..stanzas.len() - 3]]);
    assert!(held < 2048, "{held} bytes for 34");
    let half = format!("<a>{}", "x".repeat(100_000));
    let slices: Vec<&[u8]> = std::iter::once(header).chain(half.as_bytes().chunks(1000)).collect();
    let held = held_after(&slices);
    assert!(held < 210_000, "{held} bytes for 100000");
}

#[test]
fn a_framer_is_small() {
    assert!(size_of::<Framer>() <= 200, "{} bytes", size_of::<Framer>());
}
