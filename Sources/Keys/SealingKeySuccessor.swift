/// A key-encryption key that may have replaced the one in use.
package struct SealingKeySuccessor: Sendable {
    package let sealer: any KeySealer
    /// Called once it is known to be the key.
    package let succeed: @Sendable () -> Void

    package init(sealer: any KeySealer, succeed: @escaping @Sendable () -> Void) {
        self.sealer = sealer
        self.succeed = succeed
    }
}
