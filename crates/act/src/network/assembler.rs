//! An assembler for as much eBPF as a bucket needs: the instruction set is fixed in the kernel's `Documentation/bpf/standardization`.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, OwnedFd};

/// A register.
#[derive(Clone, Copy)]
pub(super) struct Register(u8);

/// Result of a call, and of the program.
pub(super) const R0: Register = Register(0);
/// First argument, and the context at the start.
pub(super) const R1: Register = Register(1);
pub(super) const R2: Register = Register(2);
pub(super) const R3: Register = Register(3);
pub(super) const R4: Register = Register(4);
pub(super) const R5: Register = Register(5);
/// Kept over calls.
pub(super) const R7: Register = Register(7);
/// Kept over calls.
pub(super) const R9: Register = Register(9);

/// Arithmetic on 64 bits.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Operation {
    Add = 0x00,
    Subtract = 0x10,
    Multiply = 0x20,
    ShiftRight = 0x70,
    Move = 0xb0,
}

/// Unsigned comparisons on 64 bits.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Comparison {
    Greater = 0x20,
    GreaterOrEqual = 0x30,
}

/// A place to jump to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label {
    Filled,
    InDebt,
    Pass,
    Drop,
}

/// A program in the making: 8 bytes per instruction.
#[derive(Default)]
pub(super) struct Assembler {
    instructions: Vec<u64>,
    jumps: Vec<(usize, Label)>,
    labels: BTreeMap<Label, usize>,
}

impl Assembler {
    fn emit(&mut self, code: u8, destination: u8, source: u8, offset: i16, immediate: i32) {
        let registers = u64::from(source) << 12 | u64::from(destination) << 8;
        let offset = u64::from(offset as u16) << 16;
        self.instructions.push(u64::from(code) | registers | offset | u64::from(immediate as u32) << 32);
    }

    /// `destination = destination OPERATION source`.
    pub(super) fn operate(&mut self, operation: Operation, destination: Register, source: Register) {
        self.emit(0x0f | operation as u8, destination.0, source.0, 0, 0);
    }

    /// `destination = destination OPERATION constant`.
    pub(super) fn operate_constant(&mut self, operation: Operation, destination: Register, constant: i32) {
        self.emit(0x07 | operation as u8, destination.0, 0, 0, constant);
    }

    /// Loads 32 bits.
    pub(super) fn load32(&mut self, destination: Register, base: Register, offset: i16) {
        self.emit(0x61, destination.0, base.0, offset, 0);
    }

    /// Loads 64 bits.
    pub(super) fn load64(&mut self, destination: Register, base: Register, offset: i16) {
        self.emit(0x79, destination.0, base.0, offset, 0);
    }

    /// Stores 64 bits.
    pub(super) fn store64(&mut self, base: Register, offset: i16, source: Register) {
        self.emit(0x7b, base.0, source.0, offset, 0);
    }

    /// Adds to 64 bits of memory, atomically.
    pub(super) fn add_atomically(&mut self, base: Register, offset: i16, source: Register) {
        self.emit(0xdb, base.0, source.0, offset, 0);
    }

    /// The address of the first value of an array map.
    pub(super) fn load_map_value(&mut self, destination: Register, map: &OwnedFd) {
        const PSEUDO_MAP_VALUE: u8 = 2;
        self.emit(0x18, destination.0, PSEUDO_MAP_VALUE, 0, map.as_raw_fd());
        self.emit(0, 0, 0, 0, 0);
    }

    /// Calls a helper; R1 to R5 are lost.
    pub(super) fn call(&mut self, helper: i32) {
        self.emit(0x85, 0, 0, 0, helper);
    }

    /// Jumps if `left COMPARISON right`.
    pub(super) fn jump_if(&mut self, left: Register, comparison: Comparison, right: Register, to: Label) {
        self.jumps.push((self.instructions.len(), to));
        self.emit(0x0d | comparison as u8, left.0, right.0, 0, 0);
    }

    /// Jumps if `left COMPARISON constant`.
    pub(super) fn jump_if_constant(&mut self, left: Register, comparison: Comparison, constant: i32, to: Label) {
        self.jumps.push((self.instructions.len(), to));
        self.emit(0x05 | comparison as u8, left.0, 0, 0, constant);
    }

    /// Jumps.
    pub(super) fn jump(&mut self, to: Label) {
        self.jumps.push((self.instructions.len(), to));
        self.emit(0x05, 0, 0, 0, 0);
    }

    /// The next instruction is `label`.
    pub(super) fn label(&mut self, label: Label) {
        self.labels.insert(label, self.instructions.len());
    }

    /// Returns `verdict`.
    pub(super) fn leave(&mut self, verdict: i32) {
        self.operate_constant(Operation::Move, R0, verdict);
        self.emit(0x95, 0, 0, 0, 0);
    }

    /// The program, with its jumps filled in.
    ///
    /// # Panics
    /// When a label was never placed.
    pub(super) fn finish(mut self) -> Vec<u64> {
        for (at, label) in self.jumps {
            let to = self.labels.get(&label).expect("every label that is jumped to is placed");
            let distance = i16::try_from(*to as i64 - at as i64 - 1).expect("programs are shorter than 32,768 instructions");
            self.instructions[at] |= u64::from(distance as u16) << 16;
        }
        self.instructions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes follow from the tables of the instruction set: code, registers, offset, constant.
    #[test]
    fn instructions_are_encoded_as_the_kernel_reads_them() {
        let mut assembler = Assembler::default();
        assembler.operate(Operation::Move, R7, R1);
        assembler.load32(R7, R1, 4);
        assembler.add_atomically(R9, 16, R7);
        assembler.jump_if(R4, Comparison::Greater, R0, Label::Drop);
        assembler.operate_constant(Operation::ShiftRight, R7, 20);
        assembler.label(Label::Drop);
        assembler.leave(2);
        let bytes: Vec<[u8; 8]> = assembler.finish().into_iter().map(u64::to_le_bytes).collect();
        assert_eq!(bytes[0], [0xbf, 0x17, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[1], [0x61, 0x17, 4, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[2], [0xdb, 0x79, 16, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[3], [0x2d, 0x04, 1, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[4], [0x77, 0x07, 0, 0, 20, 0, 0, 0]);
        assert_eq!(bytes[5], [0xb7, 0, 0, 0, 2, 0, 0, 0]);
        assert_eq!(bytes[6], [0x95, 0, 0, 0, 0, 0, 0, 0]);
    }
}
