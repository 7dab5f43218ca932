//! Large buffers on huge pages: a set of millions is written once, and each page of 4 KiB costs a fault then.

/// Bytes from which it matters.
const LARGE: usize = 4 << 20;

/// Zeros, on huge pages where the system has them.
pub fn zeros(count: usize) -> Vec<u128> {
    let mut made = vec![0; count];
    advise(&mut made);
    made
}

/// Room for `count` elements, on huge pages where the system has them.
pub fn room<T>(count: usize) -> Vec<T> {
    let mut made = Vec::with_capacity(count);
    advise(made.spare_capacity_mut());
    made
}

/// Ask the system to back a buffer, nothing of which was touched yet, by huge pages. It may not; nothing else changes.
pub fn advise<T>(buffer: &mut [T]) {
    let bytes = size_of_val(buffer);
    if bytes < LARGE {
        return;
    }
    #[cfg(target_os = "linux")]
    {
        // Advice is for whole pages of the system: none is larger than 64 KiB.
        let start = buffer.as_mut_ptr().cast::<u8>();
        let skipped = start.align_offset(1 << 16);
        // SAFETY: the range lies within the buffer, and this advice changes nothing of what it holds.
        unsafe {
            libc::madvise(start.add(skipped).cast(), (bytes - skipped) & !0xFFFF, libc::MADV_HUGEPAGE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_and_small_buffers_are_zeros_or_room() {
        for count in [0, 1, LARGE / 16 - 1, LARGE / 16, LARGE] {
            let made = zeros(count);
            assert!(made.len() == count && made.iter().all(|each| *each == 0));
            let made: Vec<u128> = room(count);
            assert!(made.is_empty() && made.capacity() >= count);
        }
    }
}
