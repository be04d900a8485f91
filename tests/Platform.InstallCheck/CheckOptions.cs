using System.ComponentModel.DataAnnotations;

namespace Platform.InstallCheck;

/// <summary>Where the installation is and who looks at it. Bound from the <c>Check</c> section.</summary>
internal sealed class CheckOptions
{
    public const string Section = "Check";

    /// <summary>The gateway, for example <c>http://platform-gateway</c>.</summary>
    [Required]
    public Uri? Gateway { get; init; }

    /// <summary>Host of the flow collector.</summary>
    [Required]
    public string FlowsHost { get; init; } = "";

    /// <summary>Its UDP port. Default 2055.</summary>
    [Range(1, 65535)]
    public int FlowsPort { get; init; } = 2055;

    /// <summary>The address that ingestion sees our datagrams come from: the pod's own.</summary>
    [Required]
    public string SourceAddress { get; init; } = "";

    /// <summary>A provider operator or maintainer.</summary>
    [Required]
    public string Email { get; init; } = "";

    /// <summary>That operator's password, from a secret.</summary>
    [Required]
    public string Password { get; init; } = "";

    /// <summary>
    /// The network that is attacked, a /24; nobody's: documentation and benchmark addresses only. Default 198.18.0.0/24 (RFC 2544).
    /// </summary>
    [RegularExpression(@"^(198\.1[89]\.\d{1,3}|192\.0\.2|198\.51\.100|203\.0\.113)\.0/24$")]
    public string Network { get; init; } = "198.18.0.0/24";

    /// <summary>Longest wait for each step. Default 1 minute.</summary>
    [Range(typeof(TimeSpan), "00:00:05", "00:10:00")]
    public TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Flow records per second beside the attack, from the same exporter. Default 0.</summary>
    [Range(0, 1_000_000)]
    public int RecordsPerSecond { get; init; }

    /// <summary>How long that load lasts, when there is some. Default 1 minute.</summary>
    public TimeSpan LoadFor { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Addresses whose open TCP ports are listed instead of all else, with commas between. Default none.</summary>
    public string Scan { get; init; } = "";
}
