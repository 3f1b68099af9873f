// Private keys from elsewhere, as PKCS #8 DER in base64url. Test keys: published in RFCs or made for this file.

/// Keys to be read by `PrivateSigningKey`.
enum ForeignKeys {
    /// The RSA key of RFC 7515 A.2.1.
    static let rfc7515A2 = """
        MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCh-BYK4uPJtGXOjS1lYmM2K5J9vinh8CR3_BYlzJChNuOL\
        2TSXxbbqY913EeZ8dCn5VrD7io8ImtxLaYk8wTM_U-3QGbh3hCUv7JFP5IV3aVlL6kKA0ywPVb9ilE8TA5a8bpvfbr3SvaNn\
        juygxmj3AbONv_s4yDQs4v5tJ_reSlpIdJed1LnPmt7Ex1sFhSwsD174pcF1A5L5ROjtZMEQxrZHYJqkeDrrnGya11UxMFBj\
        i4NmXG9veoKjlnAqH2QbgtPr8jkiGUkftoaHLFcW9Qr4NY2ai50Xw0Byj3-H2JoY2PyrZ62EWQwuz3WTOTY8BwNNb2BvniHg\
        VFbK5emhAgMBAAECggEAEq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeX\
        Zx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzj\
        kn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl\
        _x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQKBgQDgHMQQ60imZV1URk0K\
        pLttoLhyt3SmqdEf_kgHePDdtzEafpAu-cS191R2JiuoF2yzWXnwFDcqGigp5BNr0AHQfD8_Lk8l1Mk09jxxCfui5nYooNya\
        c8YFjm3vItzVCVDnEd3BbVWG8qf6deqElMGAg-C2V0L4oNXnP7LZcPAZRwKBgQC5A8R-CZW2MvRTLLHzwZkUXV866cff7tx6\
        kqa0finGG0KgeqlaZPxgCZnFp7AeAcCMtiynVlJ7vMVgePsLq6XtON4tB5kP9jAPrq3rbAOal78eUH5OcED6eNuCV8ixEu1e\
        WcPNCS_l1OW1EnXUEoEHKl54Xrrz2uNwkgMTP1FZ1wKBgAcCn1dwJKufzBWQxWQp1vsM5fggqPN1qGb5y0MAk3g7_Ls5bkUp\
        5u9SN0Ai3Ya6hNnvWJMb7sXQX6U_zyO2M_hTip7tUeh7CXgwo59dkpN75gJLVds29-DAncu3KXU4f2Fa-7bLNrur53k8KwPO\
        q2bbuTG69QtV7Jr5MR0AHWKNAoGBAIf_evpitUf-4JYbLpvNXWcY052Mpz22aR84mY3nh3F2LF2mjMJDpTg7FmuyPcVw6EcG\
        yoAe9fa65iNqCq-jdw6PVNGo2hxfjSiZ8IIzHdsPXI89__pMjZcQK9r-CCoRjaZjOYiIDktVWZzmevJuv6WywUqd57LE3Zar\
        3dLSIkx1AoGAIYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3\
        ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U
        """

    /// The P-256 key of RFC 7515 A.3.1.
    static let rfc7515A3 = """
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LKhRANC\
        AAR_zc4ncPbEXUGDy-5v20t7WAczNXvp7xO6z248e9FURcfxRM0bvZt-hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt
        """

    /// RSA of 1024 bits.
    static let rsa1024 = """
        MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBALsEm9Bn91AdLOnmbZGi2X_lDU-2Xv92-LDjXqo3XAk5atPx\
        jAfCoHOMbVG85SsGRs01-F4SEY0_f0VAMZXG8m8V6I1ew8wWKQ5bOitlGl59kH-GwPvFYNRCI1CceD2694kFM60-cHmxf8lb\
        V90AFzked1llWvQYXDMAEFQg5oYpAgMBAAECgYB5B-GCvVXrbgY8FVlBkB-sSmMT_FV8hNUrPOptxEf23EbLhR33g7htLyss\
        Y8_3yScW9V-YGZ9sRvSpr4KniMopiMK40Ous19cZSLHO20r_Y4Zu6bS7ruHFEhZLeMVx3An7r-pN_6CeoayPI21_d5_NVbV9\
        4pLemHLR2hm-Esk2xQJBAN8y4c4qHD_4V6d5DxxT6CxY-H166xhSXmYTeSbyBzvfbJWu2tGjEpqFqAhyWTeN3pbPKjCkicsy\
        P6QOIkwWbhcCQQDWgIt8fF2vZ28sESxVRTlF79lErla3_y8Qygb3lgXpI7zjXyWA2xpDY1GUrxDRLaUHGxFewQTuzvOpZB0g\
        AZW_AkEAlDqyg7yrrkA71lkrk-CVnH4p6Qus_iYV0yyzlQ2_iB_FeVL6t6bZQA3rnlByt9ZcMUO7_ToI2Q2x_j30wRtUWQJA\
        dKBltuSjx4f0oUAhG6fMsSLsvfQQgHBF9dnymdE_G3jr7bBA4uO-Tt-EbtQUz7cCoG9uLVfDR9jMENC3KTzTXwJBAKftFFfn\
        Lc8YNR-_3MZWYoVGVd2e79faoDxov3UiECmAze63jUbU6ybOyunB71oxdsLQAIzj-wKOsfNMpFz7KaQ
        """

    /// RSA of 2048 bits with the exponent 3.
    static let rsaExponent3 = """
        MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDA_D_-tebkhb14FVkLCn1LRxX5EdZCQrT99FqpaPsKzYEI\
        Fq0REiXgef3e4RTzRDem8OgyBXhcgaAjMyTmffPfQqZugaJAItG1-BPZOZu3i3zlTZRXuNMjHHa9cXSn6KCjuAFNiz5iEyMr\
        zXVwmVTBVlzYf5KO3RPryyYWegtStgSgVuJe6EjioxNrE3hNj2cU03jA97HVu3LldC3uLnjX_OH5hHylCcc7qnBv07cAFNYS\
        BEm12G1l8EDO0QgWuYYV3qBOjTjHNYpm370Vtq4FeMWkoBLGPzWUArq4N-R34v--4CXcro3Lr6IrkJLFRdbstK7g4wzx0-vJ\
        KnBMS2pJAgEDAoIBAQCAqCqpzpntrn5QDjtcsajc2g6mC-QsLHipTZHGRfyx3lYFZHNgtsPq-_6Ulg33gs_EoJrMA6WTARVs\
        zMNEU_fqLG70VmwqweEj-rfmJmfPslNDiQ2P0IzCEvnToPhv8GsX0ADeXNRBYhdyiPj1u43WOZM6_7cJ6Lfyh265prI3Itnf\
        K9Se4Mbiw9d_m-yPHYZ2sDO-pFXL6sy64nfKY3SvA4t3JFkc8TagQ-6r5HSdkH2YL1WyZplstCsAQAXYeImwgQLdCZy7UBij\
        oGLVlgfpSoHO7MXsPiEj8DttkYWhCTcjTu-oMRg6KYqb-re0Rg9PTn8_L6qBOovhC-5PXxKLAoGBAO_FcUh0SoGIyUoyj-nv\
        uqmuv4wTXFkqzDeNVJpjSUrZrDG9LJBxQERyqFHzN5n0suGaKPtYVgYfMmbuz9PSUZrK_q7GCpFMLoDFfEdrQsHlqr9Krh2x\
        E8xfu0ahBP3v2XZ6q_Dl88VfxUyANohwYATMWHpmfnjJJB3H_OgZBySlAoGBAM4MI9r8TJ0FtAX5GauHKHO0C58PpNf5Dwg_\
        y9_bT_73y18JoWaIX7DYnDh6xW4fCTgTlE3R6IEjr5lfoSt_sxzCHm089DxiDuSr8uFqEuBB3kOjjswyzjd-Xxry2J4We7aP\
        Pc16cSQUrAXBYfbGfLspZnWbnRRm1_wvm6K8NanVAoGBAJ_Y9jBNhwEF24bMX_FKfHEfKl1iPZDHMs-zjbxCMNyRHXZ-HbWg\
        1YL3GuFMz7v4d0ERcKeQOVlqIZn0io024RHcqcnZXGDddFXY_YTyLIFDxyoxyWkgt92VJ4RrWKlKkPmnHUtD99jqg4hVebBK\
        6q3dkFGZqaXbbWkv_fAQr23DAoGBAIldbTyoMxNZIq6mER0ExaJ4B79fwzqmCgV_3T_niqn6h5SxFkRa6nXlvXr8g56_W3q3\
        uDPhRattH7uVFhz_zL3WvvN9-ChBX0MdTJZGt0Ar6YJtCd13NCT-6hH3OxQO_SRffoj8S21jHVkrlqSEUydw7vkSaLhEj_11\
        Emx9eRvjAoGAXvYPqRz2XRAw4BhRmmsVR8WGPGEPz_3xXkFHGXf0R4GPT7r_IlNPtg0xfpOnxNEtQUkst3G6vDatPohc6dwh\
        A2SmUmaDuGbwARj6pnhTkcZCqTkkUJm7U0m_rPpI48jmPPIIXdpx2JUVT0tzKQ3c5hDDk3sXZv01sIT0_uXacW4
        """

    /// A P-384 key.
    static let p384 = """
        MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDBNnzkNDWDNsAVKMhXW756XfPBi8S2gPF9Lhdlk2v7qB0pdLdkk\
        _taML44uLEM37UahZANiAASf8DGMrGGI5HwteQYCopg2ZXukDMbDml7K25YLyJ8ZXCFNgjHw54kpSXlCo1BZqjmyrbBLI108\
        2J6P70wnnTg8H7zBiCfLr8LPcI796dOrRRSp8ZkbhBqL9ngyJqRBGx4
        """
}
