extension Array where Element == UInt8 {
    /// A text without the spaces, tabs and line ends around it.
    var trimmingBlanks: ArraySlice<UInt8> {
        let blanks: [UInt8] = [0x20, 0x09, 0x0A, 0x0D]
        let start = drop { blanks.contains($0) }
        guard let end = start.lastIndex(where: { !blanks.contains($0) }) else { return [] }
        return start[...end]
    }
}
