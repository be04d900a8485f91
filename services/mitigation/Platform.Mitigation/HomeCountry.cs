namespace Platform.Mitigation;

/// <summary>
/// Where this provider's network is at home. To equipment abroad go addresses and what is done with packets to them, nothing that tells whose they
/// are, always with an expiry, and only for as long as it is needed.
/// </summary>
internal static class HomeCountry
{
    /// <summary>ISO 3166-1, two letters.</summary>
    public const string Code = "JP";
}
