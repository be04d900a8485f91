using System.Security.Cryptography;

namespace Platform.Testing;

/// <summary>Secrets made up for one run.</summary>
public static class Secrets
{
    /// <summary>24 letters and digits: safe in connection strings, URIs and SQL literals.</summary>
    public static string Password() =>
        RandomNumberGenerator.GetString("abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", 24);

    /// <summary>A name nobody else uses, lower case: <c>test_k3x9...</c>.</summary>
    public static string Name(string prefix) =>
        $"{prefix}_{RandomNumberGenerator.GetString("abcdefghijkmnopqrstuvwxyz23456789", 10)}";
}
