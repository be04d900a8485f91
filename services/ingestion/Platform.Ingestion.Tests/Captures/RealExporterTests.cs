using System.Buffers.Binary;
using System.Diagnostics;
using System.Text.Json;
using Platform.Ingestion.Receiving;
using Platform.Ingestion.Tests.Flows;
using Platform.Testing;

namespace Platform.Ingestion.Tests.Captures;

/// <summary>
/// An exporter that others wrote watches packets and sends what it saw to the receiving half over a real socket: what it counts is what was there. Needs the
/// Debian package pmacct; skips without. The packets come from a file, so neither root nor a namespace is needed.
/// </summary>
public sealed class RealExporterTests
{
    private const int Hosts = 20;
    private const int PacketsPerHost = 50;
    private const int IpLength = 128;

    [Fact]
    public async Task What_the_sflow_probe_of_pmacct_samples_is_counted_to_the_packet()
    {
        const string Pmacctd = "/usr/sbin/pmacctd";
        Assert.SkipUnless(File.Exists(Pmacctd), "pmacctd is not here (Debian package pmacct).");
        using var folder = new TemporaryFolder("exporter");
        var capture = Capture(folder);

        var counted = await Receive(async port =>
        {
            await File.WriteAllTextAsync(
                folder.File("pmacctd.conf"),
                $"daemonize: false\npcap_savefile: {capture}\nplugins: sfprobe\nsfprobe_receiver: 127.0.0.1:{port}\nsampling_rate: 1\n");
            await Run(Pmacctd, ["-f", folder.File("pmacctd.conf")]);
        });

        // It reports whole frames: 14 bytes before the IP packet, 4 behind it.
        Assert.Equal(Hosts * PacketsPerHost, Number(counted, "packets"));
        Assert.Equal(Hosts * PacketsPerHost * (IpLength + 18), Number(counted, "bytes"));
        Assert.Empty(counted.GetProperty("errors").EnumerateObject());
    }

    private static long Number(JsonElement counted, string name) => counted.GetProperty(name).GetInt64();

    private static async Task<JsonElement> Receive(Func<int, Task> export)
    {
        using var output = new StringWriter();
        using var stop = new CancellationTokenSource();
        var port = Loopback.FreePort();
        var receiving = ReceiveCommand.Run(
            ["--listen", $"127.0.0.1:{port}", "--prefix", "10.0.0.0/8", "--receivers", "1"], output, output, TimeProvider.System, stop.Token);
        await export(port);
        await stop.CancelAsync();
        Assert.Equal(0, await receiving);
        return JsonDocument.Parse(output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1]).RootElement;
    }

    private static async Task Run(string program, string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var said = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode is 0 or 1, string.Concat(said)); // pmacctd ends with 1 at the end of a file
    }

    // UDP to twenty hosts within two seconds, that end now; then packets to somebody else, which push out what an exporter still holds.
    private static string Capture(TemporaryFolder folder)
    {
        using var bytes = new MemoryStream();
        Span<byte> header = stackalloc byte[24];
        foreach (var (number, at) in (ReadOnlySpan<(uint, int)>)[(0xA1B2_C3D4, 0), (0x0004_0002, 4), (65_535, 16), (1, 20)])
        {
            BinaryPrimitives.WriteUInt32LittleEndian(header[at..], number);
        }

        bytes.Write(header);
        var startUs = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() * 1000 - 2_000_000;
        const int Packets = Hosts * PacketsPerHost;
        for (var i = 0; i < Packets + 50; i++)
        {
            byte[] frame = new Datagram().Bytes(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2).U16(0x0800)
                .U8(0x45, 0).U16(IpLength, 0, 0).U8(64, 17).U16(0).Address("198.51.100.7", i < Packets ? $"10.0.0.{1 + i % Hosts}" : "192.0.2.99")
                .U16(40_000, 9, IpLength - 20, 0).Bytes(new byte[IpLength - 28]);
            var us = startUs + i * 2_000_000L / Packets;
            foreach (var (number, at) in (ReadOnlySpan<(uint, int)>)
                [((uint)(us / 1_000_000), 0), ((uint)(us % 1_000_000), 4), ((uint)frame.Length, 8), ((uint)frame.Length, 12)])
            {
                BinaryPrimitives.WriteUInt32LittleEndian(header[at..], number);
            }

            bytes.Write(header[..16]);
            bytes.Write(frame);
        }

        var path = folder.File("traffic.pcap");
        File.WriteAllBytes(path, bytes.ToArray());
        return path;
    }
}
