using System.ComponentModel.DataAnnotations;
using System.Net;

namespace Platform.Ingestion.Receiving;

/// <summary>Where flow datagrams arrive. Bound from the <c>Flows</c> section.</summary>
internal sealed class FlowsOptions : IValidatableObject
{
    public const string Section = "Flows";

    /// <summary>UDP address and port for all protocols, for example <c>0.0.0.0:2055</c> or <c>[::]:2055</c> (both families). Default 127.0.0.1:2055.</summary>
    [Required]
    public string Listen { get; init; } = "127.0.0.1:2055";

    /// <summary>Receiving threads, each with a socket of its own on the same port, 0 to 64. Default 0: one for each core.</summary>
    [Range(0, 64, ErrorMessage = "must be from 0 (one for each core) to 64.")]
    public int Receivers { get; init; }

    /// <summary>Receive buffer of each socket in bytes, 65,536 to 1,073,741,824. Default 67,108,864: a fifth of a second at four million records/s; what the kernel gave is logged and measured.</summary>
    [Range(65_536, 1_073_741_824, ErrorMessage = "must be from 65536 to 1073741824 bytes.")]
    public int BufferBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>How long a registered exporter may send nothing before it counts as silent, 1 second to 1 day. Default 60 seconds.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00", ErrorMessage = "must be from 00:00:01 to 1.00:00:00.")]
    public TimeSpan SilentAfter { get; init; } = TimeSpan.FromSeconds(60);

    public int ReceiverCount => Receivers > 0 ? Receivers : Environment.ProcessorCount;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!IPEndPoint.TryParse(Listen, out var endpoint) || endpoint.Port == 0)
        {
            yield return new("must be an IP address and a UDP port from 1 to 65535, for example 0.0.0.0:2055.", [nameof(Listen)]);
        }
    }
}
