/// Who we are to an S3-compatible store.
package struct AWSCredentials: Sendable {
    let accessKeyID: Secret
    let secretAccessKey: Secret
    /// With temporary credentials only.
    let sessionToken: Secret?

    package init(accessKeyID: Secret, secretAccessKey: Secret, sessionToken: Secret?) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
    }
}
