using Platform.Hosting;
using Platform.Retention;

var builder = WebApplication.CreateBuilder(args);
builder.AddPlatform("retention"); // telemetry, health, callers, clock
builder.AddRetention(); // streams, views, facts, questions

var app = builder.Build();
app.MapPlatform();
app.MapRetention();
return await app.RunPlatformAsync(args);
