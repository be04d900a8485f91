using System.Diagnostics;
using System.Globalization;
using System.Numerics;
using Platform.Ingestion.Captures;
using Platform.Ingestion.Flows;
using Platform.Testing;

namespace Platform.Ingestion.Tests.Flows;

/// <summary>
/// Broken datagrams, guided by what they make the decoder do: one that causes two outcomes together that were never seen together joins the corpus, and others are made from it. The corpus is
/// kept in <c>DecoderCorpus.txt</c> (hexadecimal, one datagram a line). A short run is part of every test run; PLATFORM_FUZZ_SECONDS makes it as long as
/// wanted and adds what it finds to the file.
/// </summary>
public sealed class DecoderFuzzTests
{
    private const int ShortRun = 20_000;
    private const int LargestDatagram = 65_507;
    private const int LongestKept = 2048; // longer ones are made of shorter ones anyway
    private static readonly DecodeLimits Limits = new() { Templates = 64, Fields = 4000, WaitingBytes = 50_000, Domains = 16 };
    private static readonly string KeptIn = Repository.Path("services", "ingestion", "Platform.Ingestion.Tests", "Flows", "DecoderCorpus.txt");

    [Fact]
    public void No_datagram_makes_the_decoder_throw_stall_or_grow()
    {
        var seconds = Environment.GetEnvironmentVariables()["PLATFORM_FUZZ_SECONDS"] is string text ? int.Parse(text, CultureInfo.InvariantCulture) : 0;
        var random = new Random(seconds == 0 ? 815 : Environment.ProcessId);
        var corpus = HostileDatagramTests.Corpus.Concat(File.ReadLines(KeptIn).Select(Convert.FromHexString)).Concat(Recorded()).ToList();
        var seen = new HashSet<(int, int)>();
        var found = new List<byte[]>();
        var subject = new Subject();
        corpus.ForEach(datagram => IsNews(seen, subject.Decode(datagram)));
        var clock = Stopwatch.StartNew();
        for (var round = 0; seconds > 0 ? clock.Elapsed.TotalSeconds < seconds : round < ShortRun; round++)
        {
            if (round % 500 == 0)
            {
                subject = new Subject();
            }

            var datagram = Break(corpus, random);
            if (IsNews(seen, subject.Decode(datagram)))
            {
                corpus.Add(datagram);
                found.Add(datagram);
            }
        }

        if (seconds > 0)
        {
            File.AppendAllLines(KeptIn, found.Where(datagram => datagram.Length <= LongestKept).Select(Convert.ToHexStringLower));
        }
    }

    private static IEnumerable<byte[]> Recorded() =>
        Directory.GetFiles(Repository.Path("tests", "captures"), "*.pcap").Order(StringComparer.Ordinal)
            .SelectMany(file => CaptureReader.Open(file, 0, out _).Take(3).Select(datagram => datagram.Payload.ToArray()).ToList());

    private static byte[] Break(List<byte[]> corpus, Random random)
    {
        List<byte> datagram = [.. corpus[random.Next(corpus.Count)]];
        for (var breaks = random.Next(1, 6); breaks > 0; breaks--)
        {
            var at = random.Next(datagram.Count);
            switch (random.Next(LargestDatagram) < 500 ? 6 : random.Next(6))
            {
                case 0:
                    datagram[at] = (byte)random.Next(256);
                    break;
                case 1:
                    datagram[at] = (byte)(random.Next(2) * 255);
                    break;
                case 2:
                    datagram[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 3 when datagram.Count > 8:
                    datagram.RemoveRange(at, Math.Min(random.Next(1, 9), datagram.Count - at - 1));
                    break;
                case 4 when datagram.Count < LargestDatagram:
                    datagram.InsertRange(at, datagram.GetRange(at, Math.Min(random.Next(1, 60), datagram.Count - at)));
                    break;
                case 6: // the same again and again: what is dear for each thing is dear a thousand times
                    var again = datagram.GetRange(at, Math.Min(random.Next(1, 60), datagram.Count - at));
                    while (datagram.Count < LargestDatagram)
                    {
                        datagram.InsertRange(at, again);
                        again = again.Count < LargestDatagram / 2 ? [.. again, .. again] : again;
                    }

                    break;
                default:
                    var other = corpus[random.Next(corpus.Count)];
                    var cut = random.Next(other.Length);
                    datagram = [.. datagram.Take(at + 1), .. other.Skip(cut)];
                    break;
            }
        }

        return [.. datagram.Take(LargestDatagram)];
    }

    private static bool IsNews(HashSet<(int, int)> seen, ulong outcomes)
    {
        var isNews = false;
        for (var first = outcomes; first != 0; first &= first - 1)
        {
            for (var second = first; second != 0; second &= second - 1)
            {
                isNews |= seen.Add((BitOperations.TrailingZeroCount(first), BitOperations.TrailingZeroCount(second)));
            }
        }

        return isNews;
    }

    private sealed class Subject : IDisposable
    {
        private readonly ExporterContext _exporter = new(Limits);
        private readonly ExporterContext _straight = new(Limits);
        private readonly List<FlowRecord> _flows = [];
        private readonly List<FlowRecord> _straightFlows = [];
        private readonly RecordJson _json = new(Stream.Null, withOptions: true);
        private readonly List<byte[]> _before = [];
        private long _nowMs;

        public void Dispose() => _json.Dispose();

        /// <summary>What the datagram did, as a set of outcomes.</summary>
        public ulong Decode(byte[] datagram)
        {
            var errors = _exporter.Errors.ToArray();
            var before = (_exporter.Records, _exporter.OptionsRecords, _exporter.CounterSamples, _exporter.TemplatesRead, _exporter.WaitingSets);
            _flows.Clear();
            _straightFlows.Clear();
            var handler = new Handler(_json, _flows);
            var straight = new FlowList(_straightFlows);
            TimeSpan used;
            try
            {
                FlowDecoder.Decode(datagram, _exporter, _nowMs += 100, ref handler);
                var started = ThreadTime.Used();
                FlowDecoder.Decode(datagram, _straight, _nowMs, ref straight);
                used = ThreadTime.Used() - started;
            }
            catch (Exception thrown)
            {
                Assert.Fail($"{Convert.ToHexStringLower(datagram)}: {thrown}");
                throw;
            }

            _before.Add(datagram);
            if (used > ThreadTime.MostFor(datagram.Length))
            {
                var least = Enumerable.Range(0, 3).Min(_ => CostOfLast(_before));
                Assert.True(least < ThreadTime.MostFor(datagram.Length), $"{Convert.ToHexStringLower(datagram)} cost {least}");
            }

            Assert.True(_flows.Where(flow => !flow.IsOfNobody).SequenceEqual(_straightFlows), $"{Convert.ToHexStringLower(datagram)}: the receiving threads and decode read different flows");
            Assert.Equal(_exporter.Errors, _straight.Errors);
            Assert.InRange(_exporter.TemplatesKept, 0, Limits.Templates);
            Assert.InRange(_exporter.WaitingSets, 0, Limits.WaitingBytes / WaitingSet.Overhead);
            var outcome = 0UL;
            for (var error = 0; error < errors.Length; error++)
            {
                outcome |= _exporter.Errors[error] > errors[error] ? 1UL << error : 0;
            }

            outcome |= _exporter.Records > before.Records ? 1UL << 40 : 0;
            outcome |= _exporter.OptionsRecords > before.OptionsRecords ? 1UL << 41 : 0;
            outcome |= _exporter.CounterSamples > before.CounterSamples ? 1UL << 42 : 0;
            outcome |= _exporter.TemplatesRead > before.TemplatesRead ? 1UL << 43 : 0;
            outcome |= _exporter.WaitingSets > before.WaitingSets ? 1UL << 44 : 0;
            outcome |= 1UL << (48 + (int)(_exporter.LastFormat ?? 0));
            return outcome;
        }

        // Once more, after the same datagrams: it may have been the compiler or the collector.
        private static TimeSpan CostOfLast(List<byte[]> datagrams)
        {
            var (exporter, nowMs, used) = (new ExporterContext(Limits), 0L, TimeSpan.Zero);
            var handler = new FlowList([]);
            foreach (var datagram in datagrams)
            {
                var started = ThreadTime.Used();
                FlowDecoder.Decode(datagram, exporter, nowMs += 100, ref handler);
                used = ThreadTime.Used() - started;
            }

            return used;
        }
    }

    private readonly struct Handler(RecordJson json, List<FlowRecord> flows) : IFlowHandler
    {
        public static bool WantsFields => true;

        public void Flow(in FlowRecord flow)
        {
            flows.Add(flow);
            json.Note(in flow);
        }

        public void Record(in MessageHeader header, FlowTemplate template, ReadOnlySpan<byte> record) => json.Write(in header, template, record);

        public void Sample(in MessageHeader header, in FlowSample sample, ReadOnlySpan<byte> packet) => json.Write(in header, in sample, packet);
    }
}
