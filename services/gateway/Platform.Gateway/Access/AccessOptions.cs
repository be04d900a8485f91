using System.ComponentModel.DataAnnotations;
using System.Net;

namespace Platform.Gateway.Access;

/// <summary>The edge to the outside. Bound from the <c>Access</c> section.</summary>
internal sealed class AccessOptions : IValidatableObject
{
    public const string Section = "Access";

    /// <summary>
    /// Networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed, CIDR notation. Empty: nobody's, and the source address
    /// is the connection's.
    /// </summary>
    public string[] TrustedProxies { get; init; } = [];

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (var network in TrustedProxies.Where(network => !IPNetwork.TryParse(network, out _)))
        {
            yield return new($"'{network}' must be a network in CIDR notation, for example 10.0.0.0/8.", [nameof(TrustedProxies)]);
        }
    }
}
