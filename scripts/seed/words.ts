/** The words that names and messages are made of. */

const words = (text: string): string[] => text.trim().split(/\s+/);

export const givenNames = words(`
  Anna Maria Thomas Sofia Daniel Laura Michael Julia David Emma Peter Sarah Martin Elena Paul
  Nina Lukas Clara Jonas Eva Felix Marta Simon Ines Oskar Lena Victor Alice Hugo Greta Noah Ida
  Leon Mia Anton Zoe Samuel Nora Adam Ella Mateo Lucia Karim Leila Omar Yasmin Amir Fatima Yusuf
  Aisha Ravi Priya Arjun Meera Kenji Yuki Haruto Sakura Wei Lin Jun Mei Ivan Olga Dmitri Tatiana
  Pavel Irina Andrei Ioana Mihai Bogdan Katarzyna Piotr Agnieszka Marek Jana Tomas Petra Milan
  Zuzana Ondrej Henrik Astrid Lars Ingrid Magnus Sigrid Björn Freya Niamh Sean Aoife Liam Ciara
  Rhys Carys Fiona Callum Isla Ewan José Camila Diego Valentina Andrés Gabriela Thiago Beatriz João
  Inês Miguel Catarina Chiara Matteo Giulia Alessandro Francesca Lorenzo Élodie Julien Margaux
  Antoine Océane Baptiste Chloé Émile Kwame Ama Kofi Abena Chidi Ngozi Tunde Zainab Thandiwe Sipho
`);

export const familyNames = words(`
  Berg Smith Novak Garcia Müller Rossi Kowalski Andersson Dubois Silva Jansen Fischer Martin Weber
  Nielsen Costa Horvat Popescu Ivanov Petrov Kim Chen Tanaka Singh Patel Khan Hassan Okafor Mensah
  Diallo Ndlovu Moyo Larsen Virtanen Korhonen Lindqvist Dahl Haugen Bakker Visser Peeters Claes
  Lambert Moreau Girard Fontaine Mercier Bianchi Ricci Marino Greco Ferrari Conti López Hernández
  Navarro Ortega Vega Molina Castro Pereira Almeida Carvalho Teixeira Wagner Becker Hoffmann Schulz
  Keller Vogel Brandt Krüger Lang Huber Steiner Moser Zimmermann Baumann Frei Novotny Dvořák Černý
  Szabó Kovács Nagy Tóth Papadopoulos Georgiou Yilmaz Demir Kaya Arslan Haddad Nasser Rahman Ahmed
  Gupta Mehta Rao Iyer Sato Suzuki Watanabe Ito Yamamoto Park Choi Lee Wang Zhang Liu Nguyen Tran
  Murphy Kelly Walsh Byrne Davies Evans Hughes Campbell Stewart Fraser Reid Grant Turner Parker
  Cooper Bailey Hayes Foster Brooks Marsh Hale Whitfield Ashdown Lowell Carver Thorne Wilder Quill
`);

const things = words(`
  meeting report release ticket invoice budget roadmap deploy server database index cache query
  branch review test build draft slide design mockup logo photo video recording transcript agenda
  contract offer order delivery parcel customer client partner supplier team office kitchen desk
  laptop monitor keyboard charger cable phone headset room projector whiteboard calendar deadline
  holiday flight train hotel dinner lunch coffee birthday party concert football climbing yoga
  survey newsletter campaign landing banner headline article chapter translation glossary template
  spreadsheet chart dashboard metric alert outage incident rollback migration backup restore token
  session password invite account profile avatar channel group thread message mention reaction
  attachment upload download link search filter sidebar button dialog screen theme font colour icon
`);

/** The common ones first; behind them rarer ones, put together from two. */
export const nouns: readonly string[] = [
  ...things,
  ...Array.from({ length: 40 }, (_, distance) =>
    things.map((first, index) => first + things[(index + distance + 1) % things.length]),
  ).flat(),
];

export const verbs = words(`
  check send review finish update move fix share read print book cancel confirm discuss prepare
  present test merge ship rename archive translate measure repeat simplify draft sign approve
`);

export const adjectives = words(`
  new old final short long early late quick small large open quiet strange perfect broken missing
  cheap expensive German internal public private second third next last current weekly blue red
`);

export const times = [
  'today',
  'tomorrow',
  'on Monday',
  'on Friday',
  'next week',
  'after lunch',
  'this evening',
  'at ten',
  'at half past two',
  'in an hour',
  'before the weekend',
  'by the end of the month',
];

export const places = words(`
  Berlin Lisbon Vienna Prague Nairobi Toronto Osaka Dublin Oslo Madrid Accra Pune Lima Ghent Turin
`);

/** Said as they are, and often. */
export const replies = [
  'ok',
  'Thanks!',
  'Yes',
  'No',
  'Sounds good',
  'On my way',
  'Done',
  '👍',
  'Perfect, thank you',
  'haha',
  'Sure, no problem',
  'Same here',
  'One moment',
  'I will have a look',
  '🎉',
  'See you there!',
  'Not yet',
  'Good morning',
  'Sorry, I was away',
  'What do you think?',
];

/** With places for a noun, a verb, an adjective, a time, a place and a name. */
export const sentences = [
  'Can you {verb} the {noun} {time}?',
  'The {adjective} {noun} is ready.',
  'I will {verb} the {noun} {time}.',
  'Did anybody {verb} the {noun}?',
  'We need a {adjective} {noun} for the {noun}.',
  '{name} wants to {verb} the {noun} {time}.',
  'Where is the {noun}?',
  'The {noun} in {place} looks {adjective}.',
  'Let us {verb} it {time}, then the {noun} can follow.',
  'I have no access to the {noun} any more.',
  'Please {verb} the {adjective} {noun} and tell {name}.',
  'How about {time}?',
  'There is something {adjective} with the {noun}.',
  'I put the {noun} next to the {noun}, have a look when you can.',
  'Our {noun} takes too long since the last {noun}.',
  '{name} is in {place} {time}, so we {verb} the {noun} without them.',
  'Is the {noun} {adjective} enough to {verb} it?',
  'My train to {place} is late, start without me.',
  'Who can {verb} the {noun} while I am away?',
  'That {noun} was {adjective}, well done!',
  'Before we {verb} anything: what does the {noun} say?',
  'I would rather {verb} the {adjective} {noun} first and look at the {noun} {time}.',
  'The customer in {place} asked about the {noun} again.',
  'It works, but the {noun} is still {adjective}.',
  'Short question about the {noun}: do we {verb} it {time} or later?',
];

/** What groups are about. */
export const topics = [
  'Design',
  'Backend',
  'Release',
  'Office',
  'Marketing',
  'Support',
  'Research',
  'Hiring',
  'Football',
  'Book club',
  'Lunch',
  'Travel',
  'Music',
  'On call',
  'Data',
];
